import type { Upstream } from '@shop/platform';
import { z } from 'zod';

const grant = z.object({ access_token: z.string().min(1), expires_in: z.number().positive() });

/** A token is fetched anew this long before it ends, so that none ends on its way. */
const EARLY_MS = 30_000;

export interface ServiceTokenOptions {
  readonly clientId: string;
  readonly clientSecret: string;
  /** What it is to be good for, at auth and nowhere else. */
  readonly scope: string;
}

/** A token of this service's own (client credentials), kept until shortly before it ends. */
export class ServiceToken {
  readonly #credentials: string;
  #token: Promise<string> | undefined;
  #tokenEnds = 0;

  constructor(
    private readonly auth: Upstream,
    private readonly options: ServiceTokenOptions,
  ) {
    // RFC 6749 §2.3.1: both halves are form-encoded before they are joined.
    this.#credentials = Buffer.from(
      [options.clientId, options.clientSecret].map(encodeURIComponent).join(':'),
    ).toString('base64');
  }

  /** One request for a token at a time, however many wait for it. */
  current(): Promise<string> {
    if (this.#token && performance.now() < this.#tokenEnds) return this.#token;
    this.#tokenEnds = Infinity;
    const asked = this.#fetch();
    this.#token = asked;
    asked.catch(() => {
      if (this.#token === asked) this.#token = undefined;
    });
    return asked;
  }

  /** It was refused: keys were changed, or clocks differ. The next caller gets another one. */
  forget(): void {
    this.#token = undefined;
  }

  async #fetch(): Promise<string> {
    const { body } = await this.auth.request({
      method: 'POST',
      path: '/oidc/token',
      headers: { authorization: `Basic ${this.#credentials}` },
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        scope: this.options.scope,
        resource: 'urn:shop:auth',
      }),
      schema: grant,
      idempotent: true,
    });
    this.#tokenEnds = performance.now() + body.expires_in * 1_000 - EARLY_MS;
    return body.access_token;
  }
}
