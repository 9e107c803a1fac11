import { mailRecipient } from '@shop/contracts';
import { Upstream, UpstreamProblem } from '@shop/platform';
import { ServiceToken } from '../accounts/service-token.ts';
import { Addresses, Unverified, type Address } from './addresses.ts';
import { Undeliverable } from './mailer.ts';

export interface AuthAddressesOptions {
  /** Auth's instances. */
  readonly urls: readonly string[];
  readonly clientId: string;
  readonly clientSecret: string;
}

/** Asks auth, by a token of this service's own. */
export class AuthAddresses extends Addresses {
  readonly #auth: Upstream;
  readonly #token: ServiceToken;

  constructor({ urls, clientId, clientSecret }: AuthAddressesOptions) {
    super();
    this.#auth = new Upstream('auth', urls, { connections: 8 });
    this.#token = new ServiceToken(this.#auth, { clientId, clientSecret, scope: 'accounts:read' });
  }

  override async of(accountId: string): Promise<Address> {
    const { name, email, verified } = await this.#recipient(accountId);
    if (!verified) throw new Unverified();
    return { name, address: email };
  }

  override close(): Promise<void> {
    return this.#auth.close();
  }

  async #recipient(accountId: string) {
    const token = await this.#token.current();
    try {
      return (
        await this.#auth.request({
          method: 'GET',
          path: `/accounts/${encodeURIComponent(accountId)}`,
          token,
          schema: mailRecipient,
        })
      ).body;
    } catch (error) {
      const status = error instanceof UpstreamProblem ? error.status : 0;
      if (status === 404) throw new Undeliverable('account-gone');
      if (status === 401) this.#token.forget();
      throw error;
    }
  }
}
