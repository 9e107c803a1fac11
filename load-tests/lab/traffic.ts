import { randomUUID } from 'node:crypto';
import type { ProductPage } from '@shop/contracts';
import { refresh, register, type SignedIn } from '@shop/infra/login';

/** Where a shop is reached, and the key to its payment provider. */
export interface Address {
  readonly gateway: string;
  readonly provider: string;
  readonly providerKey: string;
}

/** Refreshed after so long: an access token lives five minutes. */
const AGE_MS = 150_000;
const PATIENCE_MS = 30_000;

/**
 * Customers who have signed in once, by the real way, and stay signed in as long as somebody asks for their tokens in
 * time.
 */
export class Customers {
  #since = Date.now();

  private constructor(
    private readonly issuer: string,
    private sessions: readonly Omit<SignedIn, 'subject'>[],
  ) {}

  /** Each makes an account of its own; a few at a time, since a password costs a core some 30 ms. */
  static async register({ gateway }: Address, count: number): Promise<Customers> {
    const issuer = `${gateway}/oidc`;
    const sessions: SignedIn[] = [];
    for (let made = 0; made < count; made += 2) {
      const some = Array.from({ length: Math.min(2, count - made) }, () => register({ issuer, ...account() }));
      sessions.push(...(await Promise.all(some)));
    }
    return new Customers(issuer, sessions);
  }

  /** Tokens that are good for two minutes more at least. */
  async tokens(): Promise<string[]> {
    if (Date.now() - this.#since > AGE_MS) await this.renew();
    return this.sessions.map(({ accessToken }) => accessToken);
  }

  async renew(): Promise<void> {
    const since = Date.now();
    const renewed: Omit<SignedIn, 'subject'>[] = [];
    for (const { refreshToken } of this.sessions) renewed.push(await refresh(this.issuer, refreshToken));
    [this.sessions, this.#since] = [renewed, since];
  }
}

/** Makes the account; its tokens are forgotten. */
export async function registerAs({ gateway }: Address, who: ReturnType<typeof account>): Promise<void> {
  await register({ issuer: `${gateway}/oidc`, ...who });
}

export const account = () => ({
  email: `load-${randomUUID()}@example.com`,
  password: 'a long enough password',
  name: 'Load',
});

/** The ids of all products that have stock, the most popular first (always the same order). */
export async function productIds({ gateway }: Address): Promise<string[]> {
  const ids: string[] = [];
  for (let cursor: string | undefined, page = 0; page === 0 || cursor !== undefined; page++) {
    const query = cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const { items, nextCursor } = await answer<ProductPage>(`${gateway}/v1/products?limit=50${query}`, {});
    ids.push(...items.filter(({ available }) => available > 0).map(({ id }) => id));
    cursor = nextCursor ?? undefined;
  }
  return ids.sort();
}

/**
 * What the provider's own page would give a browser for a card that pays; PAYMENT_TOKEN where the provider is somebody
 * else's.
 */
export async function paymentToken({ provider, providerKey }: Address): Promise<string> {
  const given = process.env['PAYMENT_TOKEN'];
  if (given !== undefined) return given;
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${providerKey}` };
  const { token } = await answer<{ token: string }>(`${provider}/v1/tokens`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ cardNumber: '4242424242424242' }),
  });
  return token;
}

async function answer<T>(url: string, init: RequestInit): Promise<T> {
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(PATIENCE_MS) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${text}`);
  return JSON.parse(text) as T;
}

/**
 * `count` of these, as people choose: the n-th most popular one n times less often than the first (Zipf). The same each
 * time.
 */
export function zipf<T>(values: readonly T[], count: number): T[] {
  const edges: number[] = [];
  for (const [rank] of values.entries()) edges.push((edges.at(-1) ?? 0) + 1 / (rank + 1));
  const total = edges.at(-1) ?? 0;
  const random = seeded(1);
  return Array.from({ length: count }, () => {
    const at = random() * total;
    return values[edges.findIndex((edge) => at < edge)] as T;
  });
}

/** Mulberry32: numbers from 0 to 1 that are the same for the same seed. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
