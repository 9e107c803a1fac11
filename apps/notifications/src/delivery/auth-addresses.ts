import { accountView } from '@shop/contracts';
import { Upstream, UpstreamProblem } from '@shop/platform';
import { z } from 'zod';
import { Addresses, type Address } from './addresses.ts';
import { Undeliverable } from './mailer.ts';

const grant = z.object({ access_token: z.string().min(1), expires_in: z.number().positive() });

/** A token is fetched anew this long before it ends, so that none ends on its way. */
const EARLY_MS = 30_000;

export interface AuthAddressesOptions {
  /** Auth's instances. */
  readonly urls: readonly string[];
  readonly clientId: string;
  readonly clientSecret: string;
}

/** Asks auth, by a token of this service's own (client credentials), which is kept until shortly before it ends. */
export class AuthAddresses extends Addresses {
  readonly #auth: Upstream;
  readonly #credentials: string;
  #token: Promise<string> | undefined;
  #tokenEnds = 0;

  constructor({ urls, clientId, clientSecret }: AuthAddressesOptions) {
    super();
    this.#auth = new Upstream('auth', urls, { connections: 8 });
    // RFC 6749 §2.3.1: both halves are form-encoded before they are joined.
    this.#credentials = Buffer.from([clientId, clientSecret].map(encodeURIComponent).join(':')).toString('base64');
  }

  override async of(accountId: string): Promise<Address> {
    const token = await this.#currentToken();
    try {
      const { body } = await this.#auth.request({ method: 'GET', path: `/accounts/${encodeURIComponent(accountId)}`, token, schema: accountView });
      return { name: body.name, address: body.email };
    } catch (error) {
      const status = error instanceof UpstreamProblem ? error.status : 0;
      if (status === 404) throw new Undeliverable('account-gone');
      // Keys were changed, or clocks differ: the next attempt asks for another one.
      if (status === 401) this.#token = undefined;
      throw error;
    }
  }

  override close(): Promise<void> {
    return this.#auth.close();
  }

  /** One request for a token at a time, however many mails wait for it. */
  #currentToken(): Promise<string> {
    if (this.#token && Date.now() < this.#tokenEnds) return this.#token;
    this.#tokenEnds = Infinity;
    const asked = this.#fetchToken();
    this.#token = asked;
    asked.catch(() => {
      if (this.#token === asked) this.#token = undefined;
    });
    return asked;
  }

  async #fetchToken(): Promise<string> {
    const { body } = await this.#auth.request({
      method: 'POST',
      path: '/oidc/token',
      headers: { authorization: `Basic ${this.#credentials}` },
      body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'accounts:read', resource: 'urn:shop:auth' }),
      schema: grant,
      idempotent: true,
    });
    this.#tokenEnds = Date.now() + body.expires_in * 1_000 - EARLY_MS;
    return body.access_token;
  }
}
