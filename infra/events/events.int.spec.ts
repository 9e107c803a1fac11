import { randomUUIDv7 } from 'node:crypto';
import { userInfo } from 'node:os';
import { commitStock, deadLetterTopic, releaseStock, type CloudEvent } from '@shop/contracts';
import {
  Consumer,
  ConsumerRuntime,
  event,
  KafkaBus,
  on,
  Poison,
  PostgresOutbox,
  QueueRelay,
  seal,
  type BusMessage,
  type Delivery,
  type Effect,
  type MessageBus,
} from '@shop/eventing';
import { Database } from '@shop/platform';
import { describeWith, freshDatabase } from '@shop/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createTopics } from '../topics.ts';
import { eventsCommand } from './command.ts';
import type { OperatedShop } from './operated-shop.ts';

const [catalog, orders, other] = await Promise.all([
  freshDatabase('catalog'),
  freshDatabase('orders'),
  freshDatabase('payments'),
]);
const notifications = await freshDatabase('notifications');
const databases = { catalog, orders, payments: other, notifications, auth: catalog };
const database = new Database(catalog.url, { size: 8, application: 'spec' });
const orderRows = new Database(orders.url, { size: 2, application: 'spec' });
const log = { info: () => {}, warn: () => {}, error: () => {} };
afterAll(() => Promise.all([database.close(), orderRows.close()]));

/** What a command says, line by line, and its exit code; where npm would show a sentence and exit 1, that sentence. */
async function events(
  args: string[],
  shop: OperatedShop,
  patience = 20_000,
): Promise<{ code: number; said: string[] }> {
  const said: string[] = [];
  try {
    return { code: await eventsCommand(args, { shop: () => shop, say: (line) => said.push(line), patience }), said };
  } catch (error) {
    return { code: 1, said: [...said, (error as Error).message] };
  }
}
const soon = (assertion: () => Promise<void> | void) => vi.waitFor(assertion, { timeout: 60_000, interval: 50 });
const message = (key: string) => seal(event(releaseStock, { key, data: { orderId: key } })).payload;
const read = (payload: string) => JSON.parse(payload) as CloudEvent;
const idIn = (payload: string) => read(payload).id;
type Action = Record<'operator' | 'action' | 'outcome', string>;
const actions = () => database.query<Action>('SELECT operator, action, outcome FROM operator_actions ORDER BY id');

describeWith('kafka', 'an operator', ({ brokers }) => {
  const shop: OperatedShop = { brokers, databases };
  /** A consumer of the product's name and tables, which handles what it is allowed to. */
  class Stock extends Consumer {
    readonly name = 'catalog.stock';
    readonly handlers = [
      on(releaseStock, (one, effect) => this.note(one, effect)),
      on(commitStock, (one, effect) => this.note(one, effect)),
    ];
    handled: string[] = [];
    before: (one: CloudEvent) => void = () => {};

    private async note(one: CloudEvent, effect: Effect): Promise<void> {
      this.before(one);
      await effect.transaction(() => Promise.resolve());
      this.handled.push(one.id);
    }
  }

  const consumer = new Stock();
  const bus = new KafkaBus({ brokers: brokers.split(','), clientId: 'spec', log });
  const runtime = new ConsumerRuntime({
    consumer,
    bus,
    database,
    outbox: new PostgresOutbox(),
    log,
    attempts: 1,
    unparkEveryMs: 50,
  });
  beforeAll(async () => {
    await createTopics(brokers);
    await runtime.start();
  });
  afterAll(async () => {
    await runtime.stop();
    await bus.close();
  });
  beforeEach(async () => {
    consumer.handled = [];
    consumer.before = () => {};
    for (const table of ['parked_messages', 'parked_keys', 'operator_actions'])
      await database.query(`DELETE FROM ${table}`);
  });

  /** As the relay publishes. */
  const say = (...payloads: string[]) =>
    bus.publish(payloads.map((value) => ({ topic: 'catalog.commands', key: read(value).subject, value })));
  const waiting = async (key: string) =>
    (await database.query('SELECT 1 FROM parked_messages WHERE key = $1', [key])).length;
  const failsOn = (payload: string, error: Error) => {
    consumer.before = (one) => {
      if (one.id === idIn(payload)) throw error;
    };
  };
  /** A message that was poison, and one behind it. */
  async function poisoned() {
    const key = randomUUIDv7();
    const [poison, behind] = [message(key), message(key)];
    failsOn(poison, new Poison('a bug of ours'));
    await say(poison, behind);
    await soon(async () => expect(await waiting(key)).toBe(2));
    const at = await vi.waitFor(async () => {
      const { said } = await events(['dead-letters', 'list', '--consumer', 'catalog.stock', '--key', key], shop);
      const [, row = ''] = said;
      expect(row).toContain('a bug of ours');
      return row.split(' ')[0] as string;
    }, 20_000);
    return { key, poison, behind, at };
  }

  describe('who looks at parked keys', () => {
    it('sees what waits and why, and has a key worked off in order once its cause is gone', async () => {
      const key = randomUUIDv7();
      const [first, second] = [message(key), message(key)];
      failsOn(first, new Error('the neighbour is away'));
      await say(first, second);
      await soon(async () => expect(await waiting(key)).toBe(2));
      const { said } = await events(['parked', 'list', '--consumer', 'catalog.stock', '--key', key], shop);
      expect(said[1]).toMatch(new RegExp(`^catalog\\.stock +${key} +transient +\\d+ +2 .*the neighbour is away`));

      consumer.before = () => {};
      const done = { code: 0, said: [`catalog.stock ${key}: flows again`] };
      expect(await events(['parked', 'release', '--consumer', 'catalog.stock', '--key', key], shop)).toEqual(done);
      expect(consumer.handled).toEqual([first, second].map(idIn));
      expect(await actions()).toEqual([{ operator: userInfo().username, action: 'release', outcome: 'flows again' }]);
    });

    it('releases a poisoned key in vain while its cause is there, and in order when it is gone', async () => {
      const { key, poison, behind } = await poisoned();
      const args = ['parked', 'release', '--consumer', 'catalog.stock', '--key', key];
      expect(await events(args, shop)).toEqual({
        code: 1,
        said: [expect.stringMatching(/still poison: (Poison: )?a bug of ours/)],
      });
      expect(consumer.handled).toEqual([]);
      consumer.before = () => {};
      expect((await events(args, shop)).code).toBe(0);
      expect(consumer.handled).toEqual([poison, behind].map(idIn));
    });

    it('may go on without the poison message', async () => {
      const { key, behind } = await poisoned();
      const { code } = await events(
        ['parked', 'release', '--consumer', 'catalog.stock', '--key', key, '--skip-dead'],
        shop,
      );
      expect([code, consumer.handled]).toEqual([0, [idIn(behind)]]);
      expect(await actions()).toMatchObject([{ action: 'skip', outcome: 'flows again' }]);
    });

    it('is told when nobody works the key off', async () => {
      const text = `INSERT INTO parked_keys (consumer, key, kind, reason, next_attempt_at) VALUES ('orders.saga', 'k', 'poison', 'x', now())`;
      await orderRows.query(text);
      const { code, said } = await events(
        ['parked', 'release', '--consumer', 'orders.saga', '--key', 'k'],
        shop,
        2_000,
      );
      expect([code, said]).toEqual([1, ['orders.saga k: asked for, but nobody has looked at it: does orders run?']]);
    });
  });

  describe('who looks at dead letters', () => {
    it('finds one by consumer, key and reason, and sees it whole', async () => {
      const { key, poison, at } = await poisoned();
      expect((await events(['dead-letters', 'list', '--key', key, '--reason', 'BUG of'], shop)).said).toHaveLength(2);
      expect((await events(['dead-letters', 'list', '--key', key, '--reason', 'weather'], shop)).said).toEqual([
        'There are no such dead letters.',
      ]);
      const { said } = await events(['dead-letters', 'show', at], shop);
      expect(said.join('\n')).toContain(idIn(poison));
      expect(said).toContain('  dead-letter-reason: a bug of ours');
      expect(said).toContain('  dead-letter-topic: catalog.commands');
    });

    it('replays one: first only said, then done and written down, then already handled', async () => {
      const { key, poison, at } = await poisoned();
      const args = ['dead-letters', 'replay', '--consumer', 'catalog.stock', '--key', key];
      consumer.before = () => {};
      await events(['parked', 'release', '--consumer', 'catalog.stock', '--key', key, '--skip-dead'], shop);
      const heard: Record<string, string>[] = [];
      const hear = async ({ key: of, headers, value = '' }: Delivery) =>
        void (of === key && heard.push({ ...headers, value }));
      await bus.subscribe({ group: `spec-${key}`, topics: ['catalog.commands'], maxInFlight: 9, handle: hear });

      const { said } = await events(args, shop);
      expect(said).toEqual([
        `${at}  ${key}  would be sent to catalog.commands`,
        'Nothing was sent. To do it: the same with --yes.',
      ]);
      expect(await actions()).toHaveLength(1);

      expect(await events([...args, '--yes'], shop)).toEqual({
        code: 0,
        said: [`${at}  ${key}  sent to catalog.commands`],
      });
      await soon(() => expect(consumer.handled).toContain(idIn(poison)));
      await soon(() =>
        expect(heard).toContainEqual(
          expect.objectContaining({ 'replay-of': at, 'replay-by': userInfo().username, value: poison }),
        ),
      );

      expect(await events([...args, '--yes'], shop)).toEqual({ code: 0, said: [`${at}  ${key}  already handled`] });
      expect((await events(args, shop)).said[0]).toBe(`${at}  ${key}  already handled`);
      expect((await actions()).map(({ action, outcome }) => [action, outcome])).toEqual([
        ['skip', 'flows again'],
        ['replay', 'sent to catalog.commands'],
        ['replay', 'already handled'],
      ]);
    });

    it('replays one whose key is parked: it keeps its place until the key is released', async () => {
      const { key, poison, behind, at } = await poisoned();
      consumer.before = () => {};
      const { said } = await events(
        ['dead-letters', 'replay', '--consumer', 'catalog.stock', '--key', key, '--yes'],
        shop,
      );
      expect(said).toEqual([
        `${at}  ${key}  sent to catalog.commands; it waits at its place until its key is released`,
      ]);
      await soon(() => expect(runtime.counts.parked).toBeGreaterThan(0));
      await events(['parked', 'release', '--consumer', 'catalog.stock', '--key', key], shop);
      expect(consumer.handled).toEqual([poison, behind].map(idIn));
    });

    it('sends no more a second than allowed', async () => {
      const keys = [randomUUIDv7(), randomUUIDv7(), randomUUIDv7()];
      const reason = `rate ${randomUUIDv7()}`;
      const headers = { 'dead-letter-reason': reason, 'dead-letter-topic': 'catalog.commands', 'dead-letter-at': '' };
      await bus.publish(
        keys.map((key) => ({ topic: deadLetterTopic('catalog.stock'), key, value: message(key), headers })),
      );
      const began = performance.now();
      const args = [
        'dead-letters',
        'replay',
        '--consumer',
        'catalog.stock',
        '--reason',
        reason,
        '--rate',
        '4',
        '--yes',
      ];
      expect((await events(args, shop)).said).toHaveLength(3);
      expect(performance.now() - began).toBeGreaterThan(750);
    });

    it('is told of one that cannot be sent again', async () => {
      const key = randomUUIDv7();
      await bus.publish([{ topic: deadLetterTopic('catalog.stock'), key, value: 'junk' }]);
      const { code, said } = await events(
        ['dead-letters', 'replay', '--consumer', 'catalog.stock', '--key', key, '--yes'],
        shop,
      );
      expect([code, said]).toEqual([1, [expect.stringContaining('not sent: it does not say where it came from')]]);
    });
  });

  describe('who looks at the outbox', () => {
    it('sees what waits, how long, who publishes it, and what was refused', async () => {
      await orderRows.query(
        `INSERT INTO outbox (shard, topic, key, payload, created_at) VALUES (3, 'orders.events', 'k', '{}', now() - interval '90 seconds')`,
      );
      await orderRows.query(
        `INSERT INTO outbox_rejected (shard, id, topic, key, payload, created_at, reason) VALUES (1, 1, 'orders.events', 'big', '{}', now(), 'too large')`,
      );
      const { said } = await events(['outbox', 'status'], shop);
      const mine = said.slice(said.findIndex((one) => one.startsWith('orders')));
      expect(mine[0]).toMatch(
        /^orders: 1 wait, the oldest for 9\d\.\d s; 0 of 16 shards owned by 0 relays; 1 rejected$/,
      );
      expect(mine.find((one) => /^ +3 /.test(one))).toMatch(/3 +1 +9\d\.\d s +nobody/);
      expect(said.some((one) => /rejected .* orders\.events big: too large/.test(one))).toBe(true);

      const relay = new QueueRelay({ connectionString: orders.url, bus, log });
      relay.start();
      const whole = 'orders: nothing waits; 16 of 16 shards owned by 1 relay; 1 rejected';
      await soon(async () => expect((await events(['outbox', 'status'], shop)).said).toContain(whole));
      await relay.stop();
    });

    it('has what was refused tried again, in the order of its key, and hears what came of it', async () => {
      await orderRows.query(`DELETE FROM outbox_rejected`);
      await orderRows.query(
        `INSERT INTO outbox_rejected (shard, id, topic, key, payload, created_at, reason) SELECT 1, n, 'orders.events', 'k', n::text, now(), 'too large' FROM generate_series(1, 3) AS n`,
      );
      const taken: string[] = [];
      const broker = {
        publish: async (some: BusMessage[]) => void taken.push(...some.map(({ value }) => value)),
        prove: async () => {},
        destinationsOf: async (some: BusMessage[]) => some.map(({ topic }) => topic),
      };
      const relay = new QueueRelay({ connectionString: orders.url, bus: broker as unknown as MessageBus, log });
      relay.start();
      expect(await events(['outbox', 'put-back', 'orders', '--key', 'k'], shop)).toMatchObject({
        code: 0,
        said: ['orders k: published'],
      });
      expect(taken).toEqual(['1', '2', '3']);
      expect(await orderRows.query('SELECT 1 FROM outbox_rejected UNION ALL SELECT 1 FROM outbox_held')).toEqual([]);
      expect(
        await orderRows.query(`SELECT action, consumer, key, outcome FROM operator_actions WHERE action = 'put-back'`),
      ).toEqual([{ action: 'put-back', consumer: 'outbox', key: 'k', outcome: 'published' }]);
      await relay.stop();
    });
  });

  describe('who asks for what cannot be had', () => {
    const wrong: [string[], string][] = [
      [
        ['parked', 'list', '--consumer', 'catalog.stok'],
        'There is no consumer "catalog.stok". There are: orders.saga, ',
      ],
      [['parked', 'list', '--key', 'two words'], '"two words" cannot be a message key'],
      [['parked', 'release'], 'Whose keys? Name the consumer'],
      [
        ['parked', 'release', '--consumer', 'catalog.stock', '--key', 'nobody'],
        'catalog.stock has no such parked key.',
      ],
      [['dead-letters', 'show'], 'Which one?'],
      [['dead-letters', 'show', 'here'], '"here" is no dead letter'],
      [
        ['dead-letters', 'show', 'catalog.stock.dead-letters:0:999999'],
        'There is no dead letter at catalog.stock.dead-letters:0:999999.',
      ],
      [['dead-letters', 'replay', '--key', 'nobody'], 'There are no such dead letters.'],
      [['dead-letters', 'replay', '--rate', 'fast'], '--rate is a number of messages a second'],
      [['dead-letters', 'replay', '--yes', '--dry-run'], 'Either --dry-run or --yes.'],
      [['outbox', 'put-back'], 'Of which service?'],
      [['outbox', 'put-back', 'orders'], 'No such message was set aside.'],
      [['projection', 'rebuild'], 'Which projection? There is one: orders.'],
      [['projection', 'check', 'prices'], 'There is one: orders, and no "prices".'],
      [['history'], 'Which order?'],
      [['history', 'x'], '"x" is not the id of an order'],
      [['history', '01a2048b-0302-77ae-933f-f0de52be0f15'], 'There is no order 01a2048b-0302-77ae-933f-f0de52be0f15.'],
      [['history', 'x', '--version', '1', '--at', 'now'], 'Either --version or --at.'],
      [['history', 'x', '--version', 'one'], '--version is a number'],
      [['history', 'x', '--at', 'tomorrow'], '--at is a time such as'],
      [['outbox', 'status', 'now'], 'What is "now" to mean here?'],
      [['outcomes', 'list', '--key', 'x'], '"x" is not the id of an order'],
      [
        ['outcomes', 'ask', '--key', '01a2048b-0302-77ae-933f-f0de52be0f15'],
        'Order 01a2048b-0302-77ae-933f-f0de52be0f15 has no open outcome.',
      ],
      [['outbox'], 'There is no command "outbox"'],
      [['parked', 'list', '--color'], `Unknown option '--color'`],
    ];
    it.each(wrong)('%j is told so in one sentence', async (args, sentence) => {
      const { code, said } = await events(args, shop);
      expect([code, said]).toEqual([1, [expect.stringContaining(sentence)]]);
      expect(said[0]).not.toContain('\n');
    });

    it('is told which server is away', async () => {
      const nowhere = new URL(catalog.ownerUrl);
      nowhere.port = '1';
      const down = { catalog: { url: '', ownerUrl: nowhere.href }, orders: { url: '', ownerUrl: nowhere.href } };
      const without = { brokers: '127.0.0.1:1', databases: { ...databases, ...down } };
      expect((await events(['parked', 'list'], without)).said).toEqual([
        expect.stringMatching(/^The database of catalog does not answer \(.*ECONNREFUSED/),
      ]);
      expect((await events(['history', randomUUIDv7()], without)).said).toEqual([
        expect.stringMatching(/^The database of orders does not answer/),
      ]);
      const { code, said } = await events(['dead-letters', 'list', '--consumer', 'catalog.stock'], without);
      expect([code, said]).toEqual([
        1,
        [expect.stringMatching(/^catalog\.stock\.dead-letters cannot be read: Kafka at 127\.0\.0\.1:1 says /)],
      ]);
      expect((await events(['dead-letters', 'list'], { databases })).said).toEqual([
        expect.stringContaining('without Kafka'),
      ]);
    });
  });
});

describe('who asks how an order came to be', () => {
  it('sees it as it is, as it was at a version and at a time, without the payment token', async () => {
    const shop: OperatedShop = { databases };
    const order = randomUUIDv7();
    const placed = {
      orderId: order,
      customerId: randomUUIDv7(),
      lines: [],
      total: 2500,
      currency: 'EUR',
      paymentToken: 'tok_secret',
    };
    await orderRows.query(
      `INSERT INTO events (stream, version, id, type, data, recorded_at) VALUES
         ($1, 1, gen_random_uuid(), 'OrderPlaced', $2, '2026-01-31T12:00:00Z'),
         ($1, 2, gen_random_uuid(), 'StockReserved', '{}', '2026-01-31T12:00:10Z'),
         ($1, 3, gen_random_uuid(), 'OrderCancelled', '{"reason":"customer"}', '2026-01-31T12:00:20Z')`,
      [order, placed],
    );
    const status = async (...args: string[]) =>
      /"status": "(\w+)"/.exec((await events(['history', order, ...args], shop)).said.join('\n'))?.[1];
    expect(await status()).toBe('cancelled');
    expect(await status('--version', '2')).toBe('reserved');
    expect(await status('--at', '2026-01-31T12:00:05Z')).toBe('placed');
    const { said } = await events(['history', order], shop);
    expect(said.join('\n')).not.toContain('tok_secret');
    expect(said[2]).toMatch(/^ {2}3 {2}2026-01-31T12:00:20\.000Z {2}OrderCancelled {2}\{"reason":"customer"\}$/);
    expect((await events(['history', order, '--version', '9'], shop)).said).toEqual([
      'The order has the versions 1 to 3, and no version 9.',
    ]);
  });

  it('sees that the list has lost it, and has the list made anew', async () => {
    const shop: OperatedShop = { databases };
    const [lost] = await orderRows.query<{ stream: string }>('SELECT DISTINCT stream FROM events');
    const check = await events(['projection', 'check', 'orders'], shop, 100);
    expect([check.code, check.said.slice(2)]).toEqual([
      1,
      ['They differ: 1 of 1 rows are not what the events make them.', `  ${lost?.stream}  is missing`],
    ]);

    const { code, said } = await events(['projection', 'rebuild', 'orders'], shop);
    expect(said[0]).toMatch(
      /^1 orders folded from 3 events in \d+\.\d s \(\d+ a second\): 0 rows were wrong, 1 behind$/,
    );
    const hashes = said.slice(1, 3).map((one) => /^(\w+) +sha256 ([0-9a-f]{64})$/.exec(one));
    expect([code, hashes[0]?.[1], hashes[1]?.[1], said[3]]).toEqual([
      0,
      'projection',
      'events',
      'The same, for 1 orders and 3 events.',
    ]);
    expect(hashes[0]?.[2]).toBe(hashes[1]?.[2]);
    expect(
      await orderRows.query(
        `SELECT operator, action, consumer, outcome FROM operator_actions WHERE action = 'rebuild'`,
      ),
    ).toEqual([
      {
        operator: userInfo().username,
        action: 'rebuild',
        consumer: 'orders.list',
        outcome: expect.stringMatching(
          /^0 of 1 rows were wrong, 1 behind; projection ([0-9a-f]{64}), events \1: the same$/,
        ),
      },
    ]);
    expect((await events(['projection', 'check', 'orders'], shop)).code).toBe(0);
  });

  it('is told what there is to ask', async () => {
    const { code, said } = await events(['--help'], { databases });
    expect([code, said.join('\n')]).toEqual([0, expect.stringContaining('dead-letters replay')]);
    expect((await events([], { databases })).code).toBe(1);
  });
});
