import type { Bench } from '../lab/bench.ts';
import { eventStoreTables } from '../lab/event-store-tables.ts';
import type { Experiment, Load } from '../lab/experiment.ts';
import { keysFrom, numbersFrom } from '../lab/seed.ts';
import type { Victim } from '../lab/victim.ts';
import type { Place } from './lists.ts';
import { problemsOf, type Shown } from './readings.ts';
import type { Told, Wish } from './service.ts';

interface PaginationLoad extends Load {
  /** Orders in the table; nine of ten are one customer's. */
  readonly rows: number;
  /** So many readings begin at depths that are evenly spread over the list, and each is so many pages long. */
  readonly readings: number;
  readonly pages: number;
}

const LIMIT = 50;
/** A page, and the one row more that tells whether another follows. */
const ALLOWED = LIMIT + 1;

/**
 * Somebody works off a long list, page by page, while it changes. How much is read for that, and what does he get to
 * see?
 */
export const experiment: Experiment<PaginationLoad> = {
  title: 'Keyset pagination',
  harm: 'rows read beyond those of the page, and orders skipped or shown twice',
  variants: [
    { name: 'offset', practice: false, what: 'pages by number: skip so many, take so many' },
    { name: 'time only', practice: false, what: 'a cursor that holds the time of the last order, without its id' },
    { name: 'keyset', practice: true, what: 'a cursor that holds the time and the id of the last order' },
  ],
  load: {
    full: { seed: 20, rows: 1_000_000, readings: 10, pages: 10 },
    quick: { seed: 20, rows: 20_000, readings: 4, pages: 6 },
  },
  tables: eventStoreTables,
  topics: [],

  async round(bench, { name, practice }, load) {
    const next = numbersFrom(load.seed);
    const [customer = '', other = ''] = keysFrom(next, 2);
    await fill(bench, load, customer, other);
    const service = await bench.start(import.meta.resolve('./service.ts'), name);
    const list = new LivingList(bench, customer, next);
    const readings: Reading[] = [];
    for (let n = 0; n < load.readings; n++)
      readings.push(await read(list, service, Math.floor((n * 0.9 * load.rows) / load.readings), load.pages));

    const sum = (figure: (reading: Reading) => number) =>
      readings.reduce((total, reading) => total + figure(reading), 0);
    const pages = readings.flatMap((reading) => reading.pages);
    const [skipped, doubled] = [sum((reading) => reading.skipped), sum((reading) => reading.doubled)];
    const shown = sum((reading) => reading.shown);
    const rowsRead = pages.reduce((total, page) => total + page.rowsRead, 0);
    return {
      harm: pages.reduce((total, page) => total + Math.max(0, page.rowsRead - ALLOWED), 0) + skipped + doubled,
      figures: {
        pages: pages.length,
        'orders shown': shown,
        'rows read': rowsRead,
        'rows read for one page, at most': Math.max(...pages.map((page) => page.rowsRead)),
        'came meanwhile': list.came,
        'left meanwhile': list.left,
        skipped,
        'shown twice': doubled,
        'ms for the deepest page': Math.round(pages.at(-1)?.ms ?? 0),
      },
      doubts: [
        ...bench.doubts(service),
        ...(pages.length === load.readings * load.pages ? [] : [`${pages.length} pages were answered`]),
        ...(rowsRead >= shown ? [] : [`Postgres has counted ${rowsRead} rows read for ${shown} orders shown`]),
        ...(list.came > 0 && list.left > 0 ? [] : ['the list stood still']),
        ...(practice || skipped + doubled > 0 ? [] : ['the list changed, and nobody missed anything']),
      ],
    };
  },
};

interface Reading extends Shown {
  readonly pages: readonly { readonly rowsRead: number; readonly ms: number }[];
}

/** From one depth on, so many pages; between any two of them the list changes. */
async function read(list: LivingList, service: Victim, depth: number, count: number): Promise<Reading> {
  const { customer } = list;
  const [pages, ids]: [Reading['pages'][number][], string[][]] = [[], []];
  let from: Wish['from'] = await list.placeAt(depth);
  while (pages.length < count) {
    const began = performance.now();
    const told: Told | undefined = await service.ask<Told>({ customer, limit: LIMIT, from } satisfies Wish);
    if (told?.page.nextCursor === undefined) break;
    pages.push({ rowsRead: told.rowsRead, ms: performance.now() - began });
    ids.push(told.page.items.map(({ id }) => id));
    from = { cursor: told.page.nextCursor };
    if (pages.length < count) await list.changes(ids.at(-1) ?? []);
  }
  return { pages, ...problemsOf(ids.flat(), await list.between(ids.flat())) };
}

/** One customer's placed orders, which become more at the front, and fewer where they were worked off. */
class LivingList {
  came = 0;
  left = 0;

  constructor(
    private readonly bench: Bench,
    readonly customer: string,
    private readonly next: () => number,
  ) {}

  /** The order that so many come before. */
  async placeAt(depth: number): Promise<Place> {
    const [row] = await this.bench.query<{ id: string; placed_at: Date }>(
      `SELECT id, placed_at FROM order_list WHERE customer = $1 AND status = 'placed' ORDER BY placed_at DESC, id DESC OFFSET $2 LIMIT 1`,
      [this.customer, depth],
    );
    if (!row) throw new Error(`there are no ${depth} orders`);
    return { id: row.id, placedAt: row.placed_at.toISOString(), depth };
  }

  /** Either some new orders are placed, or some of those that were just shown are confirmed, and are placed no more. */
  async changes(shown: readonly string[]): Promise<void> {
    const count = 1 + Math.floor(this.next() * 5);
    if (this.next() < 0.5) {
      const ids = keysFrom(this.next, count);
      await this.bench.query(
        `INSERT INTO order_list SELECT unnest($1::uuid[]), $2, 'placed', 1000, 'EUR', timestamptz '2026-11-01Z' + $3 * interval '1 second', 1`,
        [ids, this.customer, this.came],
      );
      this.came += count;
      return;
    }
    const gone = await this.bench.query(
      `UPDATE order_list SET status = 'confirmed', version = version + 1 WHERE id = ANY($1) AND status = 'placed' RETURNING 1`,
      [shown.slice(0, count)],
    );
    this.left += gone.length;
  }

  /** What is placed now from the first to the last of these, newest first: all of it was placed all the while. */
  async between(shown: readonly string[]): Promise<string[]> {
    const rows = await this.bench.query<{ id: string }>(
      `WITH ends AS (SELECT max((placed_at, id)) AS first, min((placed_at, id)) AS last FROM order_list WHERE id = ANY($1))
       SELECT id FROM order_list, ends WHERE customer = $2 AND status = 'placed' AND (placed_at, id) BETWEEN last AND first`,
      [shown, this.customer],
    );
    return rows.map(({ id }) => id);
  }
}

/**
 * The table as it is after some months. Three orders share a millisecond, as those do that another system hands over.
 */
async function fill(bench: Bench, { seed, rows }: PaginationLoad, customer: string, other: string): Promise<void> {
  await bench.query(
    `INSERT INTO order_list SELECT md5($1 || n)::uuid, CASE n % 10 WHEN 0 THEN $2::uuid ELSE $3::uuid END, 'placed', n % 9973, 'EUR', timestamptz '2026-01-01Z' + n / 3 * interval '1 ms', 1
     FROM generate_series(1, $4::int) AS n`,
    [`order of ${seed}: `, other, customer, rows],
  );
  await bench.query('VACUUM ANALYZE order_list');
}
