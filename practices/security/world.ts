import { setTimeout as sleep } from 'node:timers/promises';
import { everybody, type People } from './identities.ts';
import type { Shop } from './shop.ts';

/** What there is to be read and changed while the matrix is tried. */
export interface World {
  readonly people: People;
  readonly product: string;
  /** An order of the owner's. */
  readonly order: string;
  /** The body of an order that is taken. */
  readonly basket: unknown;
}

const PATIENCE_MS = 60_000;

export async function makeWorld(shop: Shop): Promise<World> {
  const people = await everybody(shop);
  const { items } = (await (await fetch(`${shop.services.catalog.url}/products?limit=100`)).json()) as {
    items: { id: string; available: number }[];
  };
  const product = items.toSorted((one, other) => other.available - one.available)[0]!.id;
  const basket = { lines: [{ productId: product, quantity: 1 }], paymentToken: 'tok_visa' };
  return { people, product, basket, order: await placed(shop, people, basket) };
}

/** Orders hears of the catalog by its events: the first order waits for that. */
async function placed(shop: Shop, { tokens }: People, basket: unknown): Promise<string> {
  for (const until = Date.now() + PATIENCE_MS; ; await sleep(100)) {
    const answer = await fetch(`${shop.services.orders.url}/orders`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${tokens.owner}`,
        'content-type': 'application/json',
        'idempotency-key': crypto.randomUUID(),
      },
      body: JSON.stringify(basket),
    });
    const body = (await answer.json()) as { id: string; code?: string };
    if (answer.status === 201) return body.id;
    if (Date.now() > until) throw new Error(`no order could be placed: ${answer.status} ${body.code}`);
  }
}
