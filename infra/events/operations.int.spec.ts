import { randomUUIDv7 } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { deadLetterTopic, productChanged } from '@shop/contracts';
import { event, KafkaBus, seal } from '@shop/eventing';
import { orders } from '@shop/orders';
import { Database, runService, type RunningService } from '@shop/platform';
import { describeWith, freshDatabase } from '@shop/testing';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createTopics } from '../topics.ts';

const { url } = await freshDatabase('orders');
const database = new Database(url, { size: 4, application: 'spec' });
const issuer = 'http://shop.test/oidc';
const { publicKey, privateKey } = await generateKeyPair('ES256');
const keys = createServer(
  (_, response) =>
    void exportJWK(publicKey).then((key) =>
      response.end(JSON.stringify({ keys: [{ ...key, kid: 'k', alg: 'ES256' }] })),
    ),
);
await new Promise<void>((listening) => keys.listen(0, '127.0.0.1', listening));
const tokenFor = (scope: string) =>
  new SignJWT({ scope, client_id: 'operator' })
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'k' })
    .setSubject('olga')
    .setIssuer(issuer)
    .setAudience('shop')
    .setExpirationTime('5m')
    .sign(privateKey);
const [operator, customer] = [await tokenFor('operations'), await tokenFor('orders:read orders:write')];

const soon = <T>(assertion: () => Promise<T>) => vi.waitFor(assertion, { timeout: 20_000, interval: 50 });

describeWith('kafka', 'an operator of a running service', ({ brokers }) => {
  const log = { info: () => {}, warn: () => {}, error: () => {} };
  const bus = new KafkaBus({ brokers: brokers.split(','), clientId: 'spec', log });
  let service: RunningService;

  beforeAll(async () => {
    await createTopics(brokers);
    const { port } = keys.address() as AddressInfo;
    service = await runService(orders, {
      ISSUER: issuer,
      JWKS_URL: `http://127.0.0.1:${port}/jwks`,
      LOG_LEVEL: 'silent',
      SHED_LOOP_DELAY_MS: '0',
      DATABASE_URL: url,
      BUS: 'kafka',
      KAFKA_BROKERS: brokers,
    });
  });
  afterAll(async () => {
    await service.close();
    await Promise.all([bus.close(), database.close()]);
    keys.close();
  });

  async function ask(route: string, body?: object, token: string | undefined = operator) {
    const [method = '', path = ''] = route.split(' ');
    const headers = {
      ...(token && { authorization: `Bearer ${token}` }),
      ...(body && { 'content-type': 'application/json' }),
    };
    const answer = await fetch(`${service.url}/operations/${path}`, {
      method,
      headers,
      ...(body && { body: JSON.stringify(body) }),
    });
    const type = answer.headers.get('content-type')?.split(';')[0];
    return {
      status: answer.status,
      type,
      body: (await answer.json()) as Record<string, unknown> & { items: Record<string, unknown>[] },
    };
  }
  const lastAction = async () => (await ask('GET actions?limit=1')).body.items[0];

  /** A placed order, as it is in the store, and not yet in the list. */
  async function storedOrder() {
    const id = randomUUIDv7();
    const placed = { orderId: id, customerId: id, lines: [], total: 2500, currency: 'EUR', paymentToken: 'tok_secret' };
    await database.query(
      `INSERT INTO events (stream, version, id, type, data, recorded_at) VALUES
         ($1, 1, gen_random_uuid(), 'OrderPlaced', $2, '2026-01-31T12:00:00Z'), ($1, 2, gen_random_uuid(), 'OrderCancelled', '{"reason":"customer"}', '2026-01-31T12:00:10Z')`,
      [id, placed],
    );
    return id;
  }

  describe('who is nobody, or only a customer,', () => {
    const routes = [
      'GET parked',
      'POST parked/release',
      'GET dead-letters',
      'GET dead-letters/orders.list.dead-letters:0:0',
      'POST dead-letters/replay',
      'GET outbox',
      'GET actions',
      `GET orders/${randomUUIDv7()}`,
      'POST projections/orders/check',
      'POST projections/orders/rebuild',
    ];
    it.each(routes)('is refused: %s', async (route) => {
      const body = route.startsWith('POST') ? {} : undefined;
      expect(await ask(route, body, '')).toMatchObject({
        status: 401,
        type: 'application/problem+json',
        body: { code: 'token-missing' },
      });
      expect(await ask(route, body, customer)).toMatchObject({
        status: 403,
        type: 'application/problem+json',
        body: { code: 'insufficient-scope' },
      });
      expect([401, 403]).not.toContain((await ask(route, body)).status);
    });
  });

  it('sees a parked key and has it released, under her own name', async () => {
    const key = randomUUIDv7();
    const payload = seal(
      event(productChanged, {
        key,
        sequence: 1,
        data: { productId: key, name: 'Mug', price: 1200, currency: 'EUR', active: true },
      }),
    ).payload;
    await database.query(
      `INSERT INTO parked_keys (consumer, key, kind, reason, next_attempt_at) VALUES ('orders.prices', $1, 'poison', 'a bug of ours', now())`,
      [key],
    );
    await database.query(
      `INSERT INTO parked_messages (consumer, key, message_id, topic, payload) VALUES ('orders.prices', $1, $1, 'catalog.products', $2)`,
      [key, payload],
    );
    expect((await ask('GET parked?reason=BUG')).body.items).toEqual([
      expect.objectContaining({ consumer: 'orders.prices', key, kind: 'poison', waiting: 1 }),
    ]);
    expect(await ask('POST parked/release', { consumer: 'orders.prices', key })).toMatchObject({
      status: 200,
      body: { flows: true, outcome: 'flows again' },
    });
    expect(await lastAction()).toMatchObject({ operator: 'olga', action: 'release', key, outcome: 'flows again' });
    expect(await database.query('SELECT name FROM products WHERE id = $1', [key])).toEqual([{ name: 'Mug' }]);
  });

  it('finds a dead letter, and replays it: first only said, then done and written down', async () => {
    const key = randomUUIDv7();
    const data = { productId: key, name: 'Teapot', price: 3200, currency: 'EUR', active: true };
    const value = seal(event(productChanged, { key, sequence: 1, data })).payload;
    const headers = {
      'dead-letter-reason': 'a bug of ours',
      'dead-letter-topic': 'catalog.products',
      'dead-letter-at': new Date().toISOString(),
    };
    await bus.publish([{ topic: deadLetterTopic('orders.prices'), key, value, headers }]);
    const [letter] = await soon(async () => {
      const { items } = (await ask(`GET dead-letters?consumer=orders.prices&key=${key}`)).body;
      expect(items).toHaveLength(1);
      return items;
    });
    expect(letter).toMatchObject({ reason: 'a bug of ours', topic: 'catalog.products', handled: false });
    expect(letter).not.toHaveProperty('value');
    expect((await ask(`GET dead-letters/${String(letter?.['at'])}`)).body).toMatchObject({ value });

    const asked = { consumer: 'orders.prices', key };
    expect(await ask('POST dead-letters/replay', asked)).toMatchObject({
      status: 200,
      body: { items: [{ plan: 'would be sent to catalog.products' }] },
    });
    expect(await ask('POST dead-letters/replay', { ...asked, dryRun: false })).toMatchObject({ status: 202 });
    await soon(async () =>
      expect(await database.query('SELECT name FROM products WHERE id = $1', [key])).toEqual([{ name: 'Teapot' }]),
    );
    await soon(async () =>
      expect(await lastAction()).toMatchObject({
        operator: 'olga',
        action: 'replay',
        key,
        outcome: 'sent to catalog.products',
      }),
    );
    expect((await ask('POST dead-letters/replay', asked)).body.items).toMatchObject([{ plan: 'already handled' }]);
  });

  it('sees the outbox', async () => {
    await soon(async () =>
      expect((await ask('GET outbox')).body).toMatchObject({ shards: { length: 16 }, rejected: [] }),
    );
    await soon(async () =>
      expect(
        ((await ask('GET outbox')).body as unknown as { shards: { owner?: number }[] }).shards.every(
          ({ owner }) => owner,
        ),
      ).toBe(true),
    );
  });

  it('sees anybody’s order as it was, without the payment token', async () => {
    const id = await storedOrder();
    const status = async (query: string) =>
      ((await ask(`GET orders/${id}${query}`)).body as { state?: { status: string } }).state?.status;
    expect([await status(''), await status('?version=1'), await status('?at=2026-01-31T12:00:05Z')]).toEqual([
      'cancelled',
      'placed',
      'placed',
    ]);
    expect(JSON.stringify(await ask(`GET orders/${id}`))).not.toContain('tok_secret');
    expect(await ask(`GET orders/${id}?version=9`)).toMatchObject({ status: 404, body: { code: 'no-such-version' } });
  });

  it('finds out that the list lacks an order, and has it made anew', async () => {
    await storedOrder();
    expect(await ask('POST projections/orders/check')).toMatchObject({ status: 200, body: { same: false } });
    expect(await ask('POST projections/orders/rebuild')).toMatchObject({
      status: 202,
      body: { see: '/operations/actions' },
    });
    await soon(async () =>
      expect(await lastAction()).toMatchObject({
        operator: 'olga',
        action: 'rebuild',
        consumer: 'orders.list',
        outcome: expect.stringMatching(/: the same$/),
      }),
    );
    expect(await ask('POST projections/orders/check')).toMatchObject({ status: 200, body: { same: true, wrong: 0 } });
  });

  const wrong: [string, object | undefined, number, string][] = [
    ['GET parked?consumer=catalog.stock', undefined, 404, 'no-such-consumer'],
    ['GET parked?consumer=nobody', undefined, 400, 'validation-failed'],
    ['GET parked?colour=red', undefined, 400, 'validation-failed'],
    ['POST parked/release', { consumer: 'orders.list', key: 'nobody' }, 404, 'no-such-parked-key'],
    ['POST parked/release', { consumer: 'orders.list' }, 400, 'validation-failed'],
    ['GET dead-letters/here', undefined, 422, 'no-dead-letter'],
    ['GET dead-letters/catalog.stock.dead-letters:0:0', undefined, 404, 'no-such-dead-letter'],
    ['POST dead-letters/replay', { key: 'nobody', dryRun: false }, 404, 'no-such-dead-letters'],
    ['POST dead-letters/replay', { rate: 0 }, 400, 'validation-failed'],
    [`GET orders/${randomUUIDv7()}`, undefined, 404, 'order-not-found'],
    [`GET orders/${randomUUIDv7()}?version=1&at=2026-01-31T12:00:00Z`, undefined, 400, 'validation-failed'],
  ];
  it.each(wrong)('is told what cannot be had: %s %j', async (route, body, status, code) => {
    expect(await ask(route, body)).toMatchObject({ status, type: 'application/problem+json', body: { code } });
  });
});
