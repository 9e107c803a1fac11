import { setTimeout as sleep } from 'node:timers/promises';
import type { Evidence } from '../checker/evidence.ts';
import { times, type Fault, type Findings, type Trial } from './fault.ts';
import { producers } from './relays.ts';

/** Messages that lie on a topic more than once. */
function duplicates({ published }: Evidence): number {
  const ids = published.flatMap(({ topic, event }) => (event && !topic.endsWith('.dead-letters') ? [event.id] : []));
  return ids.length - new Set(ids).size;
}

export const relayKilled: Fault = {
  id: 'F1',
  title: 'a relay is killed between publishing and deleting',
  async strike({ site, quick }) {
    const takeovers: number[] = [];
    for (let n = 0; n < (quick ? 3 : 20); n++) {
      // Somebody has to be there who can take over: where both are dead, what is measured is how long a supervisor
      // hesitates.
      await Promise.all(
        site.instances
          .filter(({ service }) => producers.some((name) => name === service))
          .map(({ service, instance }) => site.shop.untilReady(service, instance)),
      );
      await site.killAt('relay-published');
      takeovers.push(await site.relays.ownedAgain());
      await sleep(500);
    }
    const inTurn = takeovers.toSorted((a, b) => a - b);
    return {
      figures: {
        'takeover p50 (ms)': inTurn[Math.floor(inTurn.length / 2)] ?? 0,
        'takeover at most (ms)': inTurn.at(-1) ?? 0,
      },
      broken: [],
    };
  },
  judge({ evidence, accidents }) {
    const repeated = duplicates(evidence);
    const most = accidents.reduce((sum, { inHand = 0 }) => sum + inHand, 0);
    const broken =
      repeated > most
        ? [`${repeated} messages were published twice, but only ${most} were in hand when their relay died`]
        : [];
    return { figures: { 'in hand at the kills': most, 'published twice': repeated }, broken };
  },
};

export const ordersKilled: Fault = {
  id: 'F2',
  title: 'orders is killed in the middle of a request',
  async strike({ site, quick }) {
    for (const n of times(quick ? 3 : 20)) {
      const instance = 1 + (n % 2);
      await site.shop.untilReady('orders', instance);
      await site.kill('orders', instance, ({ requests }) => requests > 0);
    }
    return { figures: {}, broken: [] };
  },
  judge: ({ commands }) => ({
    figures: { 'commands repeated': commands.filter(({ answers }) => answers.length > 1).length },
    broken: [],
  }),
};

/** Every consumer but that of prices, which hears nothing of orders. */
const windows = [
  'orders.saga-handled',
  'orders.list-handled',
  'catalog.stock-handled',
  'payments.commands-handled',
  'notifications.mail-handled',
];

export const consumerKilled: Fault = {
  id: 'F3',
  title: 'a consumer is killed between its effect and the acknowledgement',
  async strike({ site, quick }) {
    for (const window of times(quick ? 1 : 4).flatMap(() => windows)) await site.killAt(window);
    return { figures: {}, broken: [] };
  },
};

export const everythingKilled: Fault = {
  id: 'F18',
  title: 'everything is killed in random order',
  // A broker that was away, and a group that has to find out which of its members are dead.
  bounds: { stalenessMs: 120_000 },
  async strike(trial) {
    const { site, next, quick } = trial;
    const victims = [
      ...site.instances.map((one) => ({ one })),
      { one: 'kafka' as const },
      { one: 'postgres' as const },
    ];
    const order = victims.map(({ one }) => ({ one, place: next() })).sort((a, b) => a.place - b.place);
    for (const { one } of order.slice(0, quick ? 5 : victims.length)) {
      const pause = Math.round(next() * 1_500);
      await (typeof one === 'string'
        ? serverKilled(trial, one, 500 + next() * 2_000)
        : site.kill(one.service, one.instance));
      await sleep(pause);
    }
    return { figures: {}, broken: [] };
  },
};

/** Kills a server and brings it back after a while. */
export async function serverKilled(
  { site }: Pick<Trial, 'site'>,
  name: 'postgres' | 'kafka',
  awayMs: number,
): Promise<Findings> {
  const server = site.server(name);
  await site.accident(`kill ${name}`, () => server.kill().then(() => true));
  await sleep(awayMs);
  await server.start();
  return { figures: {}, broken: [] };
}
