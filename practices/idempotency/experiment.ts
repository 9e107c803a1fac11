import { findingsOf, type Fact } from '../checker/findings.ts';
import { eventStoreTables } from '../lab/event-store-tables.ts';
import type { Experiment, Load } from '../lab/experiment.ts';
import { keysFrom, numbersFrom, spread } from '../lab/seed.ts';

interface IdempotencyLoad extends Load {
  readonly wishes: number;
  readonly clients: number;
  readonly kills: number;
}

const only = (wish: number): Fact => ({ key: `wish ${wish}`, sequence: 1 });

/** The service is killed between placing an order and saying so; its clients ask again. How many orders do they get? */
export const experiment: Experiment<IdempotencyLoad> = {
  title: 'Idempotency-Key',
  harm: 'orders placed twice for one wish',
  variants: [
    { name: 'no key', practice: false, what: 'asking again is asking anew' },
    {
      name: 'Idempotency-Key',
      practice: true,
      what: 'the answer stored in the statement that places the order, under the client’s key',
    },
  ],
  load: {
    full: { seed: 20, wishes: 2_000, clients: 8, kills: 10 },
    quick: { seed: 20, wishes: 200, clients: 4, kills: 2 },
  },
  tables: eventStoreTables,
  topics: [],

  async round(bench, { practice, name }, load) {
    const next = numbersFrom(load.seed);
    bench.arm(...spread(next, load.kills, load.wishes).map((number) => `placed-${number}`));
    const service = await bench.start(import.meta.resolve('./service.ts'), name);
    const wishes = keysFrom(next, load.wishes).map((key, number) => (practice ? { number, key } : { number }));

    const waiting = wishes.values();
    const told: string[] = [];
    const client = async () => {
      for (const wish of waiting) {
        const answer = await service.ask<{ orderId: string }>(wish);
        if (answer) told.push(answer.orderId);
      }
    };
    await Promise.all(Array.from({ length: load.clients }, client));

    const placed = await bench.query<{ stream: string; wish: number }>(
      `SELECT stream, (data ->> 'wish')::int AS wish FROM events ORDER BY recorded_at`,
    );
    const { lost, doubled, invented, cases } = findingsOf(
      wishes.map(({ number }) => only(number)),
      placed.map(({ wish }) => only(wish)),
    );
    const known = new Set(told);
    return {
      harm: doubled,
      figures: {
        wishes: wishes.length,
        kills: service.kills,
        'asked again': service.repeats,
        orders: placed.length,
        doubled,
        'orders nobody knows of': placed.filter(({ stream }) => !known.has(stream)).length,
      },
      cases,
      doubts: [
        ...bench.doubts(service),
        ...(told.length === load.wishes ? [] : [`of ${load.wishes} wishes ${told.length} were answered`]),
        ...(lost + invented === 0
          ? []
          : [`${lost} wishes were answered without an order, ${invented} orders come from nowhere`]),
      ],
    };
  },
};
