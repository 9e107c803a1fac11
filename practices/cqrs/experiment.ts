import { setTimeout as sleep } from 'node:timers/promises';
import { orderPlaced, type OrderPage } from '@shop/contracts';
import { isReadToTheEnd } from '../checker/topic-reader.ts';
import type { Bench } from '../lab/bench.ts';
import { eventStoreTables } from '../lab/event-store-tables.ts';
import type { Experiment, Load } from '../lab/experiment.ts';
import { keysFrom, numbersFrom, popular } from '../lab/seed.ts';
import type { Victim } from '../lab/victim.ts';
import { indexOfCustomers } from './folded-list.ts';
import type { Told, Wish } from './service.ts';

interface CqrsLoad extends Load {
  readonly orders: number;
  readonly customers: number;
  readonly clients: number;
  /** How often each customer looks through the whole list. */
  readonly looks: number;
}

const PAGE = 20;
const DRAINED_WITHIN_MS = 60_000;

/**
 * Orders are placed, each customer looks at the list at once; then everybody looks through all pages. What is read for
 * that?
 */
export const experiment: Experiment<CqrsLoad> = {
  title: 'CQRS: a read model for lists',
  harm: 'events read again to show lists',
  variants: [
    { name: 'folding', practice: false, what: 'the newest streams of the customer, folded' },
    { name: 'folding, indexed', practice: false, what: 'the same, with an index into the data of events' },
    { name: 'read model', practice: true, what: 'rows that follow the events, one an order' },
  ],
  load: {
    full: { seed: 20, orders: 1_500, customers: 30, clients: 8, looks: 4 },
    quick: { seed: 20, orders: 120, customers: 5, clients: 4, looks: 1 },
  },
  tables: eventStoreTables,
  topics: [orderPlaced.topic, 'catalog.commands', 'payments.commands'],

  async round(bench, { name, practice }, load) {
    if (name === 'folding, indexed') await bench.query(indexOfCustomers);
    const [service, lists] = await Promise.all([
      bench.start(import.meta.resolve('./service.ts'), name),
      bench.start(import.meta.resolve('./lists.ts'), name),
    ]);
    const { customers, wishes } = await plan(bench, load);
    const told = await sideBySide(wishes, load.clients, (wish) => service.ask<Told>(wish));
    const followed = !practice || (await isFollowed(bench));
    await ended(bench, service);
    const { written } = await statistics(bench);
    const looked = await lookThroughAll(bench, lists, customers, load);

    const [truth, lag] = [await trueLists(bench), await lagMs(bench)];
    const stale = told.filter(({ version, listed }) => listed < version);
    const wrong = looked.looks.filter(({ customer, orders }) => orders.join() !== truth.get(customer)?.join()).length;
    return {
      harm: looked.events,
      figures: {
        pages: looked.pages,
        'orders shown': looked.shown,
        'events read': looked.events,
        'rows read per order': Math.round((looked.rows / looked.shown) * 100) / 100,
        'pages/s': Math.round(looked.pages / looked.seconds),
        'rows written': written,
        'stale at once': stale.length,
        'events behind': Math.max(0, ...told.map(({ version, listed }) => version - listed)),
        ...(lag === undefined ? {} : { 'ms behind': lag }),
      },
      doubts: [
        ...bench.doubts(service, lists),
        ...(told.length === load.orders ? [] : [`of ${load.orders} orders ${told.length} were placed`]),
        ...(followed
          ? []
          : [`the read model had not seen every event ${DRAINED_WITHIN_MS / 1000} s after the last one`]),
        ...(looked.rows >= looked.shown
          ? []
          : [`Postgres has counted ${looked.rows} rows read for ${looked.shown} orders shown`]),
        ...(wrong === 0 ? [] : [`${wrong} of ${looked.looks.length} lists are not what happened`]),
      ],
    };
  },
};

/** The wishes of popular and less popular customers for the one product there is. */
async function plan(
  bench: Bench,
  { seed, orders, customers }: CqrsLoad,
): Promise<{ customers: string[]; wishes: Wish[] }> {
  const next = numbersFrom(seed);
  const [[product = ''], names] = [keysFrom(next, 1), keysFrom(next, customers)];
  await bench.query(
    `INSERT INTO products (id, name, price, currency, active, version) VALUES ($1, 'Mug', 1200, 'EUR', true, 1)`,
    [product],
  );
  const customer = popular(next, names);
  return { customers: names, wishes: Array.from({ length: orders }, () => ({ customer: customer(), product })) };
}

/**
 * So many clients take the next piece of work when the last one is answered; what an accident leaves unanswered is
 * missing.
 */
async function sideBySide<T, R>(
  work: readonly T[],
  clients: number,
  ask: (piece: T) => Promise<R | undefined>,
): Promise<R[]> {
  const waiting = work.values();
  const answers: R[] = [];
  const client = async () => {
    for (const piece of waiting) {
      const answer = await ask(piece);
      if (answer) answers.push(answer);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  return answers;
}

/** Everybody looks through the whole list; how much was shown, and what Postgres has read for it. */
async function lookThroughAll(bench: Bench, lists: Victim, customers: readonly string[], load: CqrsLoad) {
  // As autovacuum does sooner or later: plans must not depend on whether it has come round.
  await bench.query('ANALYZE');
  const before = await statistics(bench);
  const began = performance.now();
  const looks = await sideBySide(Array.from({ length: load.looks }, () => customers).flat(), load.clients, (customer) =>
    lookThrough(lists, customer),
  );
  const seconds = (performance.now() - began) / 1_000;
  await ended(bench, lists);
  const after = await statistics(bench);
  const sum = (figure: (look: (typeof looks)[0]) => number) => looks.reduce((total, look) => total + figure(look), 0);
  return {
    looks,
    seconds,
    pages: sum(({ pages }) => pages),
    shown: sum(({ orders }) => orders.length),
    events: after.events - before.events,
    rows: after.rows - before.rows,
  };
}

/** Every page of one customer's list, to its end. */
async function lookThrough(lists: Victim, customer: string) {
  const orders: string[] = [];
  for (let [pages, cursor] = [1, undefined as string | undefined]; ; pages++) {
    const page = await lists.ask<OrderPage>({ customer, limit: PAGE, cursor });
    if (!page) return undefined;
    orders.push(...page.items.map(named));
    if (page.nextCursor === undefined) return { customer, orders, pages };
    cursor = page.nextCursor;
  }
}

const named = ({ id, version }: { id: string; version: number }) => `${id} v${version}`;

/** Each customer's orders according to the events, newest first. */
async function trueLists(bench: Bench): Promise<Map<string, string[]>> {
  const rows = await bench.query<{ id: string; version: number; customer: string }>(
    `SELECT stream AS id, max(version) AS version, max(data ->> 'customerId') FILTER (WHERE version = 1) AS customer FROM events GROUP BY stream ORDER BY stream DESC`,
  );
  return new Map(
    [...Map.groupBy(rows, ({ customer }) => customer)].map(([customer, orders]) => [customer, orders.map(named)]),
  );
}

async function isFollowed(bench: Bench): Promise<boolean> {
  for (const until = performance.now() + DRAINED_WITHIN_MS; performance.now() < until; await sleep(50)) {
    const waiting = await bench.query('SELECT 1 FROM outbox LIMIT 1');
    if (waiting.length === 0)
      return isReadToTheEnd(bench.admin, bench.named('orders.list'), bench.named(orderPlaced.topic), DRAINED_WITHIN_MS);
  }
  return false;
}

/** Ends a process and its connections: a connection tells what it has read when it ends, and now and then before. */
async function ended(bench: Bench, process: Victim): Promise<void> {
  await process.stop();
  const open = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'practice'`;
  while ((await bench.query(open)).length > 0) await sleep(20);
}

interface Statistics {
  readonly events: number;
  /** Of events and of the read model. */
  readonly rows: number;
  /** Of all tables. */
  readonly written: number;
}

/** What Postgres has read and written so far, in rows. */
async function statistics(bench: Bench): Promise<Statistics> {
  const [row] = await bench.query<Statistics>(
    `SELECT sum(read) FILTER (WHERE relname LIKE 'events%')::int AS events, sum(read) FILTER (WHERE relname LIKE 'events%' OR relname = 'order_list')::int AS rows,
            sum(written)::int AS written
     FROM (SELECT relname, coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) AS read, n_tup_ins + n_tup_upd + n_tup_del AS written FROM pg_stat_user_tables) AS tables`,
  );
  return row as Statistics;
}

/** From an event to its place in the read model, the median; undefined where there is none. */
async function lagMs(bench: Bench): Promise<number | undefined> {
  const [row] = await bench.query<{ median: number | null }>(
    `SELECT round(percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM handled_at - recorded_at)) * 1000)::int AS median
     FROM inbox JOIN events ON events.id::text = inbox.message_id WHERE consumer = 'orders.list'`,
  );
  return row?.median ?? undefined;
}
