import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { describe, expect, it, vi } from 'vitest';
import type { MessageBus } from './bus.ts';
import { DestinationsDown } from './destinations-down.ts';
import { publishApart } from './destinations.ts';
import type { HeldMessages } from './held-messages.ts';
import { Unmeasured } from './metrics.ts';
import { Broker } from './relay.fixture.ts';
import type { OutboxMessage } from './relay.ts';

/** `a1` is message 1 of key a. */
const message = (topic: string, name: string): OutboxMessage => ({
  shard: 0,
  id: name.slice(1),
  topic,
  key: name.slice(0, 1),
  payload: name,
});
const names = (some: readonly { readonly message: OutboxMessage }[]) => some.map(({ message: { payload } }) => payload);
const received = (broker: Broker) => broker.received.map(({ value }) => value);

describe('a batch of which one destination does not take its part', () => {
  it.each(['fails', 'ignores'] as const)(
    'leaves for the others (%s), without the later messages of its keys',
    async (ailment) => {
      const broker = new Broker();
      broker[ailment] = ({ topic }) => topic === 'ill';
      const batch = [
        message('well', 'a1'),
        message('ill', 'a2'),
        message('well', 'a3'),
        message('well', 'b1'),
        message('ill', 'c1'),
        message('well', 'b2'),
      ];
      const outcome = await publishApart(broker.bus, batch, 50);
      expect(received(broker)).toEqual(['a1', 'b1', 'b2']);
      expect(names(outcome.held)).toEqual(expect.arrayContaining(['a2', 'a3', 'c1']));
      expect(new Set(outcome.held.map(({ behind }) => behind))).toEqual(new Set(['ill']));
      expect([[...outcome.failed.keys()], [...outcome.took]]).toEqual([['ill'], ['well']]);
    },
  );

  it('goes by a connection of each destination, and one that is silent is given up', async () => {
    const broker = new Broker();
    broker.ignores = ({ topic }) => topic === 'ill';
    const publish = vi.spyOn(broker.bus, 'publish');
    await publishApart(broker.bus, [message('ill', 'a1'), message('well', 'b1')], 20);
    const given = publish.mock.calls.map(([[first], options]) => [first?.topic, options?.givenUp?.aborted]);
    expect(new Map(given as [string, boolean][])).toEqual(
      new Map([
        ['ill', true],
        ['well', false],
      ]),
    );
    expect(new Set(publish.mock.calls.map(([, options]) => options?.lane))).toEqual(new Set(['ill', 'well']));
  });

  it('goes on with a key only when the broker has its earlier messages', async () => {
    const [broker, order] = [new Broker(), [] as string[]];
    broker.answers = async () => {
      await sleep(20);
      order.push(...(broker.batches.at(-1) ?? []).map(({ value }) => value));
    };
    await publishApart(broker.bus, [message('t', 'a1'), message('u', 'a2'), message('t', 'a3')], 1_000);
    expect(order).toEqual(['a1', 'a2', 'a3']);
  });

  it('has refused for good only what the broker refuses, with no more than the reason', async () => {
    const broker = new Broker();
    broker.refuses = ({ value }) => value === 'a2';
    const { refused, held } = await publishApart(
      broker.bus,
      [message('t', 'a1'), message('t', 'a2'), message('t', 'a3')],
      1_000,
    );
    expect([received(broker), held]).toEqual([['a1', 'a3'], []]);
    expect(refused).toEqual([{ message: message('t', 'a2'), reason: 'too large' }]);
  });
});

/** What is held for destinations, in memory. */
function holding(bus: MessageBus, rows: (OutboxMessage & { behind: string })[]) {
  const held = {
    destinations: async () => [...new Set(rows.map(({ behind }) => behind))],
    keys: async (keys: string[]) =>
      new Map(rows.filter(({ key }) => keys.includes(key)).map(({ key, behind }) => [key, behind])),
    first: async (destination: string) => rows.filter(({ behind }) => behind === destination),
    published: async (some: OutboxMessage[]) =>
      void some.forEach((each) => rows.splice(rows.indexOf(each as (typeof rows)[number]), 1)),
    turn: async () => {},
  } as unknown as HeldMessages;
  const log = { info: vi.fn(), warn: vi.fn(), error: vi.fn() };
  const down = new DestinationsDown({
    bus,
    held,
    log,
    client: {} as pg.Client,
    metrics: new Unmeasured(),
    onPublished: () => {},
    onRefused: () => {},
    onAnswer: () => {},
  });
  return { down, log };
}
const settled = () => sleep(20);

describe('a destination that messages are held for', () => {
  it('is given nothing while it fails; keys that do not need it go on', async () => {
    const { down } = holding(new Broker().bus, [{ ...message('ill', 'a1'), behind: 'ill' }]);
    await down.look([0]);
    const { free, held } = await down.divide([
      message('well', 'a2'),
      message('ill', 'b1'),
      message('well', 'b2'),
      message('well', 'c1'),
    ]);
    expect([free.map(({ payload }) => payload), names(held)]).toEqual([['c1'], ['a2', 'b1', 'b2']]);
  });

  it('is tried by itself, once at a time, and nobody waits for its answer', async () => {
    const broker = new Broker();
    broker.ignores = () => true;
    const publish = vi.spyOn(broker.bus, 'publish');
    const { down } = holding(broker.bus, [{ ...message('ill', 'a1'), behind: 'ill' }]);
    await down.look([0]);
    for (let n = 0; n < 5; n++) await down.tend([0]);
    await settled();
    expect(publish).toHaveBeenCalledOnce();
  });

  it('gets what is held in order when it is well, and is then forgotten', async () => {
    const broker = new Broker();
    const rows = ['a1', 'a2', 'b1'].map((name) => ({ ...message('ill', name), behind: 'ill' }));
    const { down, log } = holding(broker.bus, rows);
    down.failed(new Map([['ill', new Error('no leader')]]));
    expect(log.error).toHaveBeenCalledOnce();
    await sleep(1_050);
    for (let n = 0; n < 3; n++) await down.tend([0]).then(settled);
    expect([received(broker), rows, down.size]).toEqual([['a1', 'a2', 'b1'], [], 0]);
    expect((await down.divide([message('ill', 'a3')])).held).toEqual([]);
  });

  it('is not tried again at once after it failed', async () => {
    const broker = new Broker();
    broker.fails = () => true;
    const publish = vi.spyOn(broker.bus, 'publish');
    const { down } = holding(broker.bus, [{ ...message('ill', 'a1'), behind: 'ill' }]);
    await down.look([0]);
    for (let n = 0; n < 5; n++) await down.tend([0]).then(settled);
    expect(publish).toHaveBeenCalledOnce();
  });
});
