import { randomUUIDv7 } from 'node:crypto';
import { commitStock, deadLetterTopic, releaseStock, type CloudEvent } from '@shop/contracts';
import { Database } from '@shop/platform';
import { freshDatabase } from '@shop/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Delivery } from './bus.ts';
import { Consumer, on, Poison } from './consumer.ts';
import { ConsumerRuntime, type ConsumerRuntimeOptions } from './consumer-runtime.ts';
import type { Effect } from './effect.ts';
import { inboxKeptDays, purgeInbox } from './inbox.ts';
import { MemoryBus } from './memory/memory-bus.ts';
import { Unmeasured, type Handling, type MessagingMetrics } from './metrics.ts';
import { event, seal } from './outgoing.ts';
import { PostgresOutbox } from './outbox.ts';

const { url, ownerUrl } = await freshDatabase('catalog');
const owner = new Database(ownerUrl, { size: 1, application: 'spec' });
await owner.query('CREATE TABLE effects (n int GENERATED ALWAYS AS IDENTITY, key text, message text)');
await owner.close();
const database = new Database(url, { size: 16, application: 'spec' });
const log = { info: () => {}, warn: () => {}, error: () => {} };

/** Writes each message down, once; what it does before that is up to the test. */
class Notes extends Consumer {
  readonly name = 'catalog.stock';
  readonly handlers = [
    on(releaseStock, (message, effect) => this.note(message, effect)),
    on(commitStock, (message, effect) => this.note(message, effect)),
  ];
  before: (message: CloudEvent) => void | Promise<void> = () => {};

  private async note(message: CloudEvent, effect: Effect): Promise<void> {
    await this.before(message);
    await effect.transaction((tx) =>
      tx.query('INSERT INTO effects (key, message) VALUES ($1, $2)', [message.subject, message.id]),
    );
  }
}

const stops: (() => Promise<void>)[] = [];
async function running(options: Partial<ConsumerRuntimeOptions> = {}) {
  const [bus, consumer] = [(options.bus as MemoryBus | undefined) ?? new MemoryBus(), new Notes()];
  const dead: Delivery[] = [];
  await bus.subscribe({
    group: `morgue ${randomUUIDv7()}`,
    topics: [deadLetterTopic('catalog.stock')],
    maxInFlight: 9,
    handle: async (delivery) => void dead.push(delivery),
  });
  const runtime = new ConsumerRuntime({
    consumer,
    bus,
    database,
    outbox: new PostgresOutbox(),
    log,
    attempts: 3,
    firstRetryMs: 2,
    unparkEveryMs: 50,
    ...options,
  });
  await runtime.start();
  stops.push(() => runtime.stop());
  /** Publishes as the relay would, and waits until the outcome of each is stored. */
  const say = (...values: string[]) =>
    bus.publish(
      values.map((value) => ({ topic: 'catalog.commands', key: (JSON.parse(value) as CloudEvent).subject, value })),
    );
  return { bus, consumer, runtime, dead, say };
}
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
  for (const table of ['effects', 'inbox', 'parked_keys', 'parked_messages'])
    await database.query(`DELETE FROM ${table}`);
});

const release = (key: string) => seal(event(releaseStock, { key, data: { orderId: key } })).payload;
const idOf = (payload: string) => (JSON.parse(payload) as CloudEvent).id;
const effects = async () =>
  (await database.query<{ message: string }>('SELECT message FROM effects ORDER BY n')).map((row) => row.message);
const parked = async () =>
  (await database.query<{ key: string; kind: string }>('SELECT key, kind FROM parked_keys')).map(
    ({ key, kind }) => `${kind} ${key}`,
  );
const soon = (condition: () => Promise<void>) => vi.waitFor(condition, { timeout: 10_000, interval: 20 });
/** Parked keys wait some seconds before they are tried again: not here. */
const impatient = () => database.query('UPDATE parked_keys SET next_attempt_at = now()');

describe('a consumer', () => {
  it('has one effect for a message that arrives three times, also at once', async () => {
    const { say, runtime } = await running();
    const message = release(randomUUIDv7());
    await Promise.all([say(message), say(message)]);
    await say(message);
    expect(await effects()).toEqual([idOf(message)]);
    expect(runtime.counts).toMatchObject({ handled: 1, duplicate: 2 });
  });

  it('has one effect when two instances get the same message at the same time', async () => {
    const [one, two] = [await running(), await running()];
    const message = release(randomUUIDv7());
    await Promise.all([one.say(message), two.say(message)]);
    expect(await effects()).toEqual([idOf(message)]);
  });

  it('keeps the order within a key while different keys go side by side', async () => {
    const { say, consumer } = await running();
    const [slow, fast] = [randomUUIDv7(), randomUUIDv7()];
    const [first, second, other] = [release(slow), release(slow), release(fast)];
    let open = () => {};
    const gate = new Promise<void>((resolve) => (open = resolve));
    consumer.before = (message) => (message.id === idOf(first) ? gate : undefined);
    const said = say(first, second, other);
    await soon(async () => expect(await effects()).toEqual([idOf(other)]));
    open();
    await said;
    expect(await effects()).toEqual([idOf(other), idOf(first), idOf(second)]);
  });

  it('tries again what may pass', async () => {
    const { say, consumer, runtime } = await running();
    let failures = 2;
    consumer.before = () => {
      if (failures-- > 0) throw new Error('not now');
    };
    const message = release(randomUUIDv7());
    await say(message);
    expect(await effects()).toEqual([idOf(message)]);
    expect(runtime.counts.parked).toBe(0);
  });

  it('rolls back an effect that fails half-way, with its inbox row', async () => {
    const { bus, consumer } = await running({ attempts: 1 });
    const message = release(randomUUIDv7());
    const handlers = consumer.handlers as unknown as { handle: unknown }[];
    (handlers[0] as { handle: unknown }).handle = (_: CloudEvent, effect: Effect) =>
      effect.transaction(async (tx) => {
        await tx.query('INSERT INTO effects (key) VALUES ($1)', ['half']);
        throw new Error('half-way');
      });
    await bus.publish([
      { topic: 'catalog.commands', key: (JSON.parse(message) as CloudEvent).subject, value: message },
    ]);
    expect(await effects()).toEqual([]);
    expect(await database.query('SELECT 1 FROM inbox')).toEqual([]);
    expect(await parked()).toHaveLength(1);
  });
});

describe('a key whose message fails again and again', () => {
  it('is parked with everything behind it, while other keys flow, and works itself off in order', async () => {
    const { say, consumer } = await running();
    const [sick, well] = [randomUUIDv7(), randomUUIDv7()];
    const [first, second, third, other] = [release(sick), release(sick), release(sick), release(well)];
    let broken = true;
    consumer.before = (message) => {
      if (broken && message.id === idOf(first)) throw new Error('the neighbour is away');
    };
    await say(first, second, other);
    expect(await effects()).toEqual([idOf(other)]);
    expect(await parked()).toEqual([`transient ${sick}`]);

    broken = false;
    await say(third);
    expect(await effects()).toEqual([idOf(other)]);
    await impatient();
    await soon(async () => expect(await parked()).toEqual([]));
    expect(await effects()).toEqual([idOf(other), idOf(first), idOf(second), idOf(third)]);
  });

  it('does not let a later message act outside before its turn', async () => {
    const { say, consumer } = await running({ attempts: 1, unparkEveryMs: 60_000 });
    const outside: string[] = [];
    (consumer.handlers[0] as { handle: unknown }).handle = async (message: CloudEvent, effect: Effect) => {
      await effect.beforeActingOutside();
      outside.push(message.id);
      throw new Error('the outside is away');
    };
    const key = randomUUIDv7();
    const [first, second] = [release(key), release(key)];
    await say(first, second);
    expect(outside).toEqual([idOf(first)]);
  });

  it('stays parked for an instance that starts later', async () => {
    const { say, consumer } = await running({ unparkEveryMs: 60_000 });
    const key = randomUUIDv7();
    consumer.before = () => {
      throw new Error('no');
    };
    await say(release(key));
    const later = await running({ unparkEveryMs: 60_000 });
    await later.say(release(key));
    expect(await effects()).toEqual([]);
    expect(await database.query('SELECT 1 FROM parked_messages')).toHaveLength(2);
  });

  it('is neither parked nor passed over while that cannot be stored: the message waits', async () => {
    const { say, runtime } = await running({ attempts: 1 });
    const owner = new Database(ownerUrl, { size: 1, application: 'spec' });
    await owner.query('ALTER TABLE inbox RENAME TO inbox_away');
    await owner.query('ALTER TABLE parked_keys RENAME TO parked_keys_away');
    const message = release(randomUUIDv7());
    const said = say(message);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(runtime.counts).toMatchObject({ handled: 0, parked: 0 });
    await owner.query('ALTER TABLE parked_keys_away RENAME TO parked_keys');
    await owner.query('ALTER TABLE inbox_away RENAME TO inbox');
    await owner.close();
    await said;
    await impatient();
    await soon(async () => expect(await effects()).toEqual([idOf(message)]));
  });
});

describe('a poison message', () => {
  it('leaves those before it, which are only delayed, what they are: they are tried again, and then its own turn comes', async () => {
    const { say, consumer, dead } = await running({ attempts: 1 });
    const key = randomUUIDv7();
    const [delayed, behind] = [release(key), release(key)];
    const poison = JSON.stringify({ ...(JSON.parse(release(key)) as object), specversion: '0.1' });
    let away = true;
    consumer.before = () => {
      if (away) throw new Error('not now');
    };
    await say(delayed, poison, behind);
    expect([dead.length, await parked()]).toEqual([1, [`transient ${key}`]]);
    away = false;
    await soon(async () => {
      await impatient();
      expect(await effects()).toEqual([idOf(delayed)]);
      expect(await parked()).toEqual([`poison ${key}`]);
    });
    expect(dead).toHaveLength(1);
  });

  const junk: [string, (key: string) => string | undefined][] = [
    ['is not JSON', () => '{"specversion":'],
    ['is not even text', (key) => release(key).replace('{', '{\0')],
    ['is not a CloudEvent', (key) => JSON.stringify({ subject: key, hello: 'world' })],
    ['breaks its contract', (key) => JSON.stringify({ ...(JSON.parse(release(key)) as object), data: { orderId: 7 } })],
    [
      'is about something else than its key',
      (key) => release(randomUUIDv7()).replace('"datacontenttype"', `"was":"${key}","datacontenttype"`),
    ],
    ['has no value', () => undefined],
  ];

  it.each(junk)(
    'that %s goes to the dead-letter topic with its reason; its key waits and other keys flow',
    async (_, make) => {
      const { bus, say, dead } = await running();
      const [sick, well] = [randomUUIDv7(), randomUUIDv7()];
      await bus.publish([{ topic: 'catalog.commands', key: sick, value: make(sick) as string }]);
      const [behind, other] = [release(sick), release(well)];
      await say(behind, other);
      expect(dead).toHaveLength(1);
      expect(dead[0]?.headers['dead-letter-reason']).toBeTruthy();
      expect(dead[0]?.key).toBe(sick);
      expect(await effects()).toEqual([idOf(other)]);
      expect(await parked()).toEqual([`poison ${sick}`]);
    },
  );

  it('is handled first, and what waited behind it after it, when its cause is gone and its key is released', async () => {
    const { say, consumer, dead } = await running();
    const key = randomUUIDv7();
    const [poison, second, third] = [release(key), release(key), release(key)];
    const sick = (message: CloudEvent) => {
      if (message.id === idOf(poison)) throw new Poison('a bug of ours');
    };
    consumer.before = sick;
    await say(poison, second, third);
    await database.query(`UPDATE parked_keys SET kind = 'transient', next_attempt_at = now()`);
    await soon(async () => expect(await parked()).toEqual([`poison ${key}`]));
    expect([await effects(), dead.length]).toEqual([[], 1]);

    consumer.before = () => {};
    await database.query(`UPDATE parked_keys SET kind = 'transient', next_attempt_at = now()`);
    await soon(async () => expect(await parked()).toEqual([]));
    expect(await effects()).toEqual([poison, second, third].map(idOf));
  });

  it('may be called so by its handler', async () => {
    const { say, consumer, dead } = await running();
    consumer.before = () => {
      throw new Poison('it contradicts everything we know');
    };
    await say(release(randomUUIDv7()));
    expect(dead[0]?.headers['dead-letter-reason']).toBe('it contradicts everything we know');
  });
});

describe('a message from a newer version of its sender', () => {
  it('is passed over when its type is unknown', async () => {
    const { say, runtime } = await running();
    const key = randomUUIDv7();
    await say(release(key).replace('catalog.release-stock.v1', 'catalog.count-stock.v1'));
    const known = release(key);
    await say(known);
    expect(await effects()).toEqual([idOf(known)]);
    expect(runtime.counts.skipped).toBe(1);
  });

  it('is read when it has a field we do not know', async () => {
    const { say } = await running();
    const message = release(randomUUIDv7()).replace('"data":{', '"data":{"urgent":true,');
    await say(message);
    expect(await effects()).toEqual([idOf(message)]);
  });

  it('waits when its major version is unknown', async () => {
    const { say } = await running();
    const key = randomUUIDv7();
    await say(release(key).replace('release-stock.v1', 'release-stock.v2'));
    expect(await effects()).toEqual([]);
    expect(await parked()).toEqual([`transient ${key}`]);
  });
});

describe('a message that was handled', () => {
  it('and is replayed, be it by an operator or by mistake, changes nothing', async () => {
    const { bus, say, runtime } = await running();
    const key = randomUUIDv7();
    const message = release(key);
    await say(message);
    await bus.publish([
      { topic: 'catalog.commands', key, value: message, headers: { 'replay-of': 'catalog.stock.dead-letters:0:7' } },
    ]);
    expect(await effects()).toEqual([idOf(message)]);
    expect(runtime.counts).toMatchObject({ handled: 1, duplicate: 1 });
  });

  it('is remembered as long as anything can bring it again, and then forgotten in bounded batches', async () => {
    const age = (days: number, consumer = 'catalog.stock') =>
      database.query(
        `INSERT INTO inbox SELECT $1, gen_random_uuid(), now() - $2 * interval '1 day' FROM generate_series(1, 25)`,
        [consumer, days],
      );
    for (const days of [0, inboxKeptDays - 1, inboxKeptDays + 1]) await age(days);
    await age(inboxKeptDays + 1, 'another.consumer');
    const { signal } = new AbortController();
    const purges = await Promise.all([
      purgeInbox(database, 'catalog.stock', signal, 4),
      purgeInbox(database, 'catalog.stock', signal, 4),
    ]);
    expect(purges[0] + purges[1]).toBe(25);
    expect(await purgeInbox(database, 'catalog.stock', signal, 4)).toBe(0);
    expect(await database.query('SELECT 1 FROM inbox')).toHaveLength(75);
    expect(await purgeInbox(database, 'catalog.stock', AbortSignal.abort())).toBe(0);
  });
});

describe('whoever measures', () => {
  function measuring() {
    const [handlings, levels] = [[] as Handling[], [] as number[]];
    const metrics: MessagingMetrics = Object.assign(new Unmeasured(), {
      handled: (handling: Handling) => void handlings.push(handling),
      parkedKeys: (_: string, keys: number) => void levels.push(keys),
    });
    return { metrics, handlings, levels };
  }

  it('is told of each message what became of it, how long that took and how old it was', async () => {
    const { metrics, handlings } = measuring();
    const { bus, say } = await running({ metrics });
    const message = release(randomUUIDv7());
    await say(message, message);
    await bus.publish([{ topic: 'catalog.commands', value: 'junk' }]);
    expect(handlings.map(({ consumer, outcome }) => `${consumer} ${outcome}`)).toEqual(
      ['handled', 'duplicate', 'dead'].map((each) => `catalog.stock ${each}`),
    );
    for (const { durationMs } of handlings) expect(durationMs).toBeGreaterThan(0);
    expect(handlings.map(({ lagMs }) => lagMs !== undefined && lagMs >= 0 && lagMs < 60_000)).toEqual([
      true,
      true,
      false,
    ]);
  });

  it('is told how many keys wait', async () => {
    const { metrics, levels } = measuring();
    const { say, consumer } = await running({ metrics, unparkEveryMs: 60_000, levelsEveryMs: 20 });
    consumer.before = () => {
      throw new Error('no');
    };
    await say(release(randomUUIDv7()), release(randomUUIDv7()));
    await soon(async () => expect(levels.at(-1)).toBe(2));
  });
});

describe('a flood of failures', () => {
  it('pauses the consumer instead of draining its topic into the dead letters', async () => {
    const { bus, dead, runtime } = await running({ floodLimit: 5, floodPauseMs: 60_000 });
    const junk = () =>
      void bus.publish([{ topic: 'catalog.commands', key: randomUUIDv7(), value: 'junk' }]).catch(() => {});
    for (let n = 0; n < 5; n++) junk();
    await soon(async () => expect(runtime.counts.dead).toBe(5));
    for (let n = 0; n < 15; n++) junk();
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(dead).toHaveLength(5);
  });

  it('is not what waits behind a parked key, however busy the key: other keys flow', async () => {
    const { say, consumer, runtime } = await running({ floodLimit: 5, floodPauseMs: 60_000 });
    const [busy, other] = [randomUUIDv7(), release(randomUUIDv7())];
    consumer.before = ({ subject }) => {
      if (subject === busy) throw new Poison('not yet');
    };
    await say(release(busy));
    consumer.before = () => {};
    await say(...Array.from({ length: 10 }, () => release(busy)));
    await say(other);
    expect(await effects()).toEqual([idOf(other)]);
    expect(runtime.counts).toMatchObject({ dead: 1, parked: 0, waiting: 10, handled: 1 });
  });
});

describe('a consumer whose database does not answer', () => {
  /** A database of its own that can be taken away and given back. */
  const unsteady = () => {
    const real = new Database(url, { size: 4, application: 'spec' });
    const away = { now: false };
    const refuse = <T>(work: () => Promise<T>) =>
      away.now ? Promise.reject(new Error('the database does not answer')) : work();
    const theirs = {
      query: (...args: Parameters<Database['query']>) => refuse(() => real.query(...args)),
      transaction: (...args: Parameters<Database['transaction']>) => refuse(() => real.transaction(...args)),
    } as unknown as Database;
    stops.push(() => real.close());
    return { theirs, away };
  };

  it('hands back what it holds, also what is in hand, and comes back when it can', async () => {
    const [{ theirs, away }, away2] = [unsteady(), vi.fn()];
    const bus = new MemoryBus();
    const metrics = Object.assign(new Unmeasured(), { away: away2 });
    const { runtime } = await running({ bus, database: theirs, leaveAfterMs: 300, metrics, levelsEveryMs: 50 });
    const key = randomUUIDv7();
    const [first, second] = [release(key), release(key)];
    away.now = true;
    const said = bus.publish([first, second].map((value) => ({ topic: 'catalog.commands', key, value })));
    await soon(async () => expect(runtime.awayMs()).toBeGreaterThan(0));
    await soon(async () => expect(away2).toHaveBeenCalledWith('catalog.stock', expect.any(Number)));
    // Another instance of the group is given what this one gave back.
    const other = await running({ bus });
    await said;
    expect(await effects()).toEqual([idOf(first), idOf(second)]);
    expect(other.runtime.counts.handled).toBe(2);
    away.now = false;
    await soon(async () => expect(runtime.awayMs()).toBe(0));
    await other.runtime.stop();
    const third = release(key);
    await bus.publish([{ topic: 'catalog.commands', key, value: third }]);
    expect(runtime.counts.handled).toBe(1);
  });

  it('is no member before it answers for the first time', async () => {
    const { theirs, away } = unsteady();
    away.now = true;
    const bus = new MemoryBus();
    const subscribed = vi.spyOn(bus, 'subscribe');
    const { runtime } = await running({ bus, database: theirs });
    expect(subscribed.mock.calls.filter(([{ group }]) => group === 'catalog.stock')).toEqual([]);
    away.now = false;
    await soon(async () =>
      expect(subscribed.mock.calls.filter(([{ group }]) => group === 'catalog.stock')).toHaveLength(1),
    );
    expect(runtime.awayMs()).toBe(0);
  });
});
