import { randomUUID } from 'node:crypto';
import type { NewProduct, ProductRecord } from '@shop/contracts';
import { PostgresOutbox } from '@shop/eventing';
import { Database } from '@shop/platform';
import { freshDatabase } from '@shop/testing';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { ProductAdministration } from './product-administration.ts';

const { url, ownerUrl } = await freshDatabase('catalog');
const database = new Database(url, { size: 16, application: 'spec' });
const owner = new Database(ownerUrl, { size: 1, application: 'spec' });
const products = new ProductAdministration(database, new PostgresOutbox());
afterAll(() => Promise.all([database.close(), owner.close()]));

let lamp: NewProduct;
beforeEach(() => {
  lamp = {
    sku: `LAMP-${randomUUID().slice(0, 8).toUpperCase()}`,
    name: 'Lamp',
    description: 'Shines.',
    price: 4_900,
    currency: 'EUR',
    stock: 5,
  };
});
const asked = (key: string = randomUUID()) => ({ principal: 'admin', key });
const create = async (body = lamp) => (await products.create(asked(), body)).answer;

/** What was announced of a product, oldest first. */
const announced = async (id: string) => {
  const rows = await database.query<{ payload: string }>(
    `SELECT payload FROM outbox WHERE topic = 'catalog.products' AND key = $1 ORDER BY id`,
    [id],
  );
  return rows
    .map(({ payload }) => JSON.parse(payload) as { sequence: string; data: object })
    .map(({ sequence, data }) => ({ ...data, version: Number(sequence) }));
};
const announcement = ({ id, name, price, currency, active, version }: ProductRecord) => ({
  productId: id,
  name,
  price,
  currency,
  active,
  version,
});
const reason = (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    (error: { code: string }) => error.code,
  );

describe('a product that is added', () => {
  it('is there with its stock, and announced in the same transaction', async () => {
    const made = await create();
    expect(made).toEqual({
      ...lamp,
      id: made.id,
      active: true,
      version: 1,
      stock: { initial: 5, free: 5, reserved: 0, sold: 0 },
    });
    expect(await products.get(made.id)).toEqual(made);
    expect(await announced(made.id)).toEqual([announcement(made)]);
  });

  it('by twelve at once under one key is added once, and all get it', async () => {
    const key = randomUUID();
    const answers = await Promise.all(Array.from({ length: 12 }, () => products.create(asked(key), lamp)));
    const ids = new Set(answers.map(({ answer }) => answer.id));
    expect(ids.size).toBe(1);
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(await announced([...ids][0] ?? '')).toHaveLength(1);
  });

  it('of a sku that is taken is refused, also when it is asked for again', async () => {
    await create();
    const key = randomUUID();
    for (let time = 0; time < 2; time++) {
      await expect(products.create(asked(key), lamp)).rejects.toMatchObject({
        kind: 'conflict',
        code: 'sku-taken',
        errors: [{ pointer: '/sku' }],
      });
    }
    await expect(products.create(asked(key), { ...lamp, name: 'Another' })).rejects.toMatchObject({
      code: 'idempotency-key-reused',
    });
  });

  it('waits two seconds at most for the request that holds its key', async () => {
    const key = randomUUID();
    const client = await owner.pool.connect();
    await client.query('BEGIN');
    await client.query(
      `INSERT INTO idempotency (principal, operation, key, body_hash, status, answer) VALUES ('admin', 'create-product', $1, 'h', 0, '{}')`,
      [key],
    );
    expect(await reason(products.create(asked(key), lamp))).toBe('request-in-progress');
    await client.query('ROLLBACK');
    client.release();
    expect(await reason(products.create(asked(key), lamp))).toBe('done');
  });
});

describe('a product that is changed', () => {
  it('has what the patch names, the next version, and is announced', async () => {
    const made = await create();
    const after = await products.change(made.id, { price: 5_500, active: false }, [made.version]);
    expect(after).toEqual({ ...made, price: 5_500, active: false, version: 2 });
    expect(await announced(made.id)).toEqual([announcement(made), announcement(after)]);
  });

  it('by nothing new stays as it is, and nobody is told', async () => {
    const made = await create();
    expect(await products.change(made.id, { price: made.price }, [7, 1])).toEqual(made);
    expect(await products.change(made.id, {}, undefined)).toEqual(made);
    expect(await announced(made.id)).toHaveLength(1);
  });

  it('by twelve who saw the same version is changed by one of them', async () => {
    const made = await create();
    const outcomes = await Promise.all(
      Array.from({ length: 12 }, (_, n) => reason(products.change(made.id, { price: n + 1 }, [made.version]))),
    );
    expect(outcomes.filter((outcome) => outcome === 'done')).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === 'precondition-failed')).toHaveLength(11);
    expect((await announced(made.id)).map(({ version }) => version)).toEqual([1, 2]);
  });

  it('has to be there', async () => {
    expect(await reason(products.change(randomUUID(), { price: 1 }, undefined))).toBe('product-not-found');
    expect(await reason(products.restock(randomUUID(), asked(), { quantity: 1 }))).toBe('product-not-found');
  });
});

describe('a delivery', () => {
  it('adds to what is free, whatever is sold at the same time, and is no version', async () => {
    const { id } = await create();
    const sell = () =>
      database.query('UPDATE products SET free = free - 1, reserved = reserved + 1 WHERE id = $1', [id]);
    await Promise.all([
      products.restock(id, asked(), { quantity: 10 }),
      sell(),
      products.restock(id, asked(), { quantity: 10 }),
      sell(),
    ]);
    expect(await products.get(id)).toMatchObject({
      version: 1,
      stock: { initial: 25, free: 23, reserved: 2, sold: 0 },
    });
    expect(await announced(id)).toHaveLength(1);
  });

  it('that is told of six times under one key came once', async () => {
    const { id } = await create();
    const key = randomUUID();
    await Promise.all(Array.from({ length: 6 }, () => products.restock(id, asked(key), { quantity: 10 })));
    expect((await products.get(id)).stock).toEqual({ initial: 15, free: 15, reserved: 0, sold: 0 });
  });

  it('beyond what can be counted is refused', async () => {
    const { id } = await create();
    await database.query('UPDATE products SET initial = 1000000000, free = 1000000000 WHERE id = $1', [id]);
    expect(await reason(products.restock(id, asked(), { quantity: 1 }))).toBe('stock-too-large');
  });
});
