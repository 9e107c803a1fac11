import { setTimeout as sleep } from 'node:timers/promises';
import { isReadToTheEnd } from '../checker/topic-reader.ts';
import type { Bench } from '../lab/bench.ts';
import { eventStoreTables } from '../lab/event-store-tables.ts';
import type { Experiment, Load } from '../lab/experiment.ts';
import { keysFrom, numbersFrom, popular, spread } from '../lab/seed.ts';
import type { Victim } from '../lab/victim.ts';
import { tables } from './books.ts';
import type { Wish } from './service.ts';
import { tables as plainTables } from './try-catch.ts';

interface SagaLoad extends Load {
  readonly orders: number;
  readonly clients: number;
  readonly kills: number;
}

type Fate = 'bought' | 'declined' | 'sold out' | 'changed her mind';

interface Plan extends Wish {
  readonly fate: Fate;
}

const readers = [
  ['catalog.stock', 'catalog.commands'],
  ['payments.commands', 'payments.commands'],
  ['orders.saga', 'catalog.stock'],
  ['orders.saga', 'payments.events'],
] as const;
/** A member of a group that was killed is missed only after its session's end; then its partitions go to the next. */
const SETTLED_WITHIN_MS = 90_000;
const INITIAL = 100_000;

/** Orders end well or badly, and their service is killed while they hold stock and money. Who gives it back? */
export const experiment: Experiment<SagaLoad> = {
  title: 'Saga',
  harm: 'units and authorisations held for nobody in the end',
  variants: [
    { name: 'no compensation', practice: false, what: 'a cancelled order is cancelled' },
    { name: 'try and catch', practice: false, what: 'one step after the other, and a catch that gives back' },
    { name: 'saga', practice: true, what: 'each step noted in the order’s stream, with what it calls for' },
  ],
  load: {
    full: { seed: 20, orders: 800, clients: 8, kills: 4 },
    quick: { seed: 20, orders: 80, clients: 4, kills: 1 },
  },
  tables: eventStoreTables + tables + plainTables,
  topics: ['orders.events', ...readers.map(([, topic]) => topic)],

  async round(bench, { name }, load) {
    const wishes = await plan(bench, load);
    bench.arm(...killsOf(wishes, load));
    const orchestrated = name !== 'try and catch';
    const services = await Promise.all([
      bench.start(import.meta.resolve('./service.ts'), name),
      ...(orchestrated ? [bench.start(import.meta.resolve('./parties.ts'), name)] : []),
    ]);
    const [service] = services as [Victim, ...Victim[]];
    const answered = await askAll(service, wishes, load.clients);
    const settled = !orchestrated || (await isSettled(bench));
    return {
      ...(await counted(bench, service)),
      doubts: [...bench.doubts(...services), ...(await doubtsAbout(bench, load, answered, settled))],
    };
  },
};

/** Orders of all fates; the product that is sold out is the last. */
async function plan(bench: Bench, { seed, orders }: SagaLoad): Promise<Plan[]> {
  const next = numbersFrom(seed);
  const products = keysFrom(next, 6);
  await bench.query('INSERT INTO stock (product, initial, free) SELECT p, $2, $2 FROM unnest($1::uuid[]) AS p', [
    products.slice(0, -1),
    INITIAL,
  ]);
  await bench.query('INSERT INTO stock (product, initial, free) VALUES ($1, 0, 0)', [products.at(-1)]);
  const [product, fate] = [
    popular(next, products.slice(0, -1)),
    popular<Fate>(next, ['bought', 'declined', 'changed her mind', 'sold out']),
  ];
  return keysFrom(next, orders).map((orderId) => {
    const end = fate();
    const line = {
      productId: end === 'sold out' ? (products.at(-1) ?? '') : product(),
      quantity: 1 + Math.floor(next() * 3),
    };
    return { orderId, fate: end, line, paymentToken: end === 'declined' ? 'tok_declined' : 'tok_good' };
  });
}

/** At orders that are bought, by turns when their stock is reserved and when their money is held. */
function killsOf(wishes: readonly Plan[], { seed, kills }: SagaLoad): string[] {
  const bought = wishes.filter(({ fate }) => fate === 'bought');
  return spread(numbersFrom(seed + 1), kills, bought.length).map(
    (place, index) => `${index % 2 === 0 ? 'reserved' : 'authorised'}-${bought[place]?.orderId}`,
  );
}

/** Clients place their orders side by side; some change their minds as soon as they hear that it is placed. */
async function askAll(service: Victim, wishes: readonly Plan[], clients: number): Promise<number> {
  let answered = 0;
  const waiting = wishes.values();
  const client = async () => {
    for (const wish of waiting) {
      const { fate, ...place } = wish;
      if (!(await service.ask({ place }))) return; // an accident, which the bench has noted
      if (fate === 'changed her mind' && !(await service.ask({ cancel: wish.orderId }))) return;
      answered++;
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  return answered;
}

/** Whether everything that was sent has been read, and nothing that follows from it is left to send. */
async function isSettled(bench: Bench): Promise<boolean> {
  for (const until = performance.now() + SETTLED_WITHIN_MS; performance.now() < until; await sleep(200)) {
    const read = await Promise.all(
      readers.map(([group, topic]) =>
        isReadToTheEnd(bench.admin, bench.named(group), bench.named(topic), until - performance.now()),
      ),
    );
    const [left] = await bench.query<{ count: number }>('SELECT count(*)::int AS count FROM outbox');
    const again = await Promise.all(
      readers.map(([group, topic]) => isReadToTheEnd(bench.admin, bench.named(group), bench.named(topic), 200)),
    );
    if (left?.count === 0 && [...read, ...again].every(Boolean)) return true;
  }
  return false;
}

interface Ends {
  readonly confirmed: number;
  readonly cancelled: number;
  readonly open: number;
}

/** How orders ended, by whichever way they are kept. */
async function endsOf(bench: Bench): Promise<Ends> {
  const [ends] = await bench.query<Ends>(`
    WITH ended AS (
      SELECT coalesce(max(CASE type WHEN 'OrderConfirmed' THEN 'confirmed' WHEN 'OrderCancelled' THEN 'cancelled' END), 'placed') AS status FROM events GROUP BY stream
      UNION ALL SELECT status FROM plain_orders)
    SELECT count(*) FILTER (WHERE status = 'confirmed')::int AS confirmed, count(*) FILTER (WHERE status = 'cancelled')::int AS cancelled,
           count(*) FILTER (WHERE status = 'placed')::int AS open FROM ended`);
  return ends ?? { confirmed: 0, cancelled: 0, open: 0 };
}

async function counted(bench: Bench, service: Victim) {
  const { confirmed, cancelled, open } = await endsOf(bench);
  const [stock] = await bench.query<{ units: number }>('SELECT sum(reserved)::int AS units FROM stock');
  const [money] = await bench.query<{ held: number }>(`SELECT count(*)::int AS held FROM money WHERE status = 'held'`);
  const [units, held] = [stock?.units ?? 0, money?.held ?? 0];
  const cases = await bench.query<{ text: string }>(`
    SELECT 'order ' || order_id || ' still holds ' || quantity || ' units' AS text FROM reservations WHERE status = 'reserved'
    UNION ALL SELECT 'order ' || order_id || ' still holds money' FROM money WHERE status = 'held' LIMIT 6`);
  return {
    harm: units + held,
    figures: {
      confirmed,
      cancelled,
      'without an end': open,
      kills: service.kills,
      'asked again': service.repeats,
      'units reserved': units,
      'authorisations held': held,
    },
    cases: cases.map(({ text }) => text),
  };
}

async function doubtsAbout(bench: Bench, { orders }: SagaLoad, answered: number, settled: boolean): Promise<string[]> {
  const { confirmed, cancelled, open } = await endsOf(bench);
  const [wrong] = await bench.query<{ sums: number }>(
    'SELECT count(*)::int AS sums FROM stock WHERE free + reserved + sold <> initial',
  );
  return [
    ...(answered === orders ? [] : [`of ${orders} wishes ${answered} were answered`]),
    ...(confirmed + cancelled + open === orders
      ? []
      : [`of ${orders} orders ${confirmed + cancelled + open} are on record`]),
    ...(settled ? [] : [`messages were still under way after ${SETTLED_WITHIN_MS / 1000} s`]),
    ...(confirmed > 0 && cancelled > 0 ? [] : ['not every fate was met']),
    ...(wrong?.sums === 0 ? [] : ['stock appeared or vanished']),
  ];
}
