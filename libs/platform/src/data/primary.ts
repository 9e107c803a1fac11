import pg from 'pg';
import { TakesNoWrites } from './pg-errors.ts';

/** Where a database may be found. */
interface Addresses {
  /** One URL for each, without what only we understand. */
  readonly urls: readonly [string, ...string[]];
  /** `target_session_attrs=read-write`: a server that takes no writes, such as a standby, is passed over. */
  readonly writable: boolean;
}

const form = /^(postgres(?:ql)?:\/\/(?:[^@/?#]*@)?)([^@/?#]+)(\/[^?#]*)?(?:\?([^#]*))?$/;
const sessions: Readonly<Record<string, boolean>> = { any: false, 'read-write': true, primary: true };

/**
 * Reads a URL as libpq does: several hosts, and `target_session_attrs`, of which `any` (the default), `read-write` and
 * `primary` have a meaning here. Throws where it is none.
 */
export function addressesOf(url: string): Addresses {
  const [, start = '', hosts = '', path = '', query = ''] = form.exec(url) ?? [];
  const parameters = new URLSearchParams(query);
  const writable = sessions[parameters.get('target_session_attrs') ?? 'any'];
  if (hosts === '' || writable === undefined)
    throw new Error('must be a postgres URL, with target_session_attrs any, read-write or primary');
  parameters.delete('target_session_attrs');
  const rest = parameters.size > 0 ? `${path}?${parameters.toString()}` : path;
  const [first = '', ...others] = hosts.split(',').map((host) => start + host + rest);
  for (const each of [first, ...others]) new URL(each);
  return { urls: [first, ...others], writable };
}

type Connected = ((error: Error) => void) | ((error: null, client: pg.Client) => void);

/** Which of a database's addresses is used: the one that was good last, until a connection to it fails. */
export class Primary {
  readonly #addresses: Addresses;
  #at = 0;

  constructor(url: string, { writable = false } = {}) {
    const addresses = addressesOf(url);
    this.#addresses = { ...addresses, writable: addresses.writable || writable };
  }

  /** How many addresses there are. */
  get count(): number {
    return this.#addresses.urls.length;
  }

  /** `orders at db-1:5432,db-2:5432`, without the password. */
  get name(): string {
    const urls = this.#addresses.urls.map((url) => new URL(url));
    return `${urls[0]?.pathname.slice(1)} at ${urls.map(({ host }) => host).join()}`;
  }

  /**
   * A class of clients that connect to the address of now, whatever their options say; a server that will not do makes
   * the next one look elsewhere.
   */
  get Client(): new (
    config?: pg.ClientConfig,
  ) => pg.Client {
    const [url, passOver, { writable }] = [
      () => this.#url,
      (failed: string) => this.#passOver(failed),
      this.#addresses,
    ];
    return class extends pg.Client {
      readonly #url: string;

      constructor(config?: pg.ClientConfig) {
        const at = url();
        super({ ...config, connectionString: at });
        this.#url = at;
      }

      override connect(): Promise<pg.Client>;
      override connect(done: Connected): void;
      override connect(done?: Connected): Promise<pg.Client> | void {
        const connected = this.#connect();
        if (!done) return connected;
        connected.then(
          (client) => (done as (error: unknown, client: pg.Client) => void)(undefined, client),
          done as (error: Error) => void,
        );
      }

      /** The server at this address has failed: it is looked for at another one next. */
      passOver(): void {
        passOver(this.#url);
      }

      async #connect(): Promise<pg.Client> {
        try {
          await super.connect();
          if (!writable || !(await takesNoWrites(this))) return this;
          throw new TakesNoWrites(`${new URL(this.#url).host} takes no writes.`);
        } catch (error) {
          this.passOver();
          // What has not connected has nothing to say goodbye to.
          if (error instanceof TakesNoWrites) await this.end().catch(() => undefined);
          throw error;
        }
      }
    };
  }

  /** Tries once more for each other address: throws the last failure. */
  async each<T>(attempt: () => Promise<T>, mayGoOn: (error: unknown) => boolean = () => true): Promise<T> {
    for (let left = this.count; ; left--) {
      try {
        return await attempt();
      } catch (error) {
        if (left <= 1 || !mayGoOn(error)) throw error;
      }
    }
  }

  get #url(): string {
    return this.#addresses.urls[this.#at] ?? this.#addresses.urls[0];
  }

  /** Several that fail at once have passed over the same one. */
  #passOver(failed: string): void {
    if (failed === this.#url) this.#at = (this.#at + 1) % this.count;
  }
}

/** Says that a server at hand failed, to clients that can look elsewhere. */
export function passOver(client: object): void {
  if ('passOver' in client && typeof client.passOver === 'function') client.passOver();
}

/**
 * Connects to the first address of a database whose server takes writes; for those that can do nothing without. Ends
 * what does not.
 */
export async function connectToPrimary(
  url: string,
  config: pg.ClientConfig,
  listen: (client: pg.Client) => void,
): Promise<pg.Client> {
  const primary = new Primary(url, { writable: true });
  return primary.each(async () => {
    const client = new primary.Client(config);
    // A connection that breaks while nobody asks would end the process.
    listen(client);
    try {
      await client.connect();
      return client;
    } catch (error) {
      await client.end().catch(() => undefined);
      throw error;
    }
  });
}

async function takesNoWrites(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ transaction_read_only: string }>('SHOW transaction_read_only');
  return rows[0]?.transaction_read_only === 'on';
}
