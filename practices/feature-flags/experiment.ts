import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bench } from '../lab/bench.ts';
import type { Experiment, Load, Variant } from '../lab/experiment.ts';
import { openLoop } from '../lab/open-loop.ts';
import { keysFrom, numbersFrom } from '../lab/seed.ts';
import type { Wanted } from './service.ts';

interface FlagsLoad extends Load {
  readonly customers: number;
  /** Orders a second, whatever becomes of those before. */
  readonly rate: number;
  /** When somebody notices that prices are wrong, and acts. */
  readonly noticedAfterSeconds: number;
  readonly seconds: number;
  /** The share of customers that the rollout begins with. */
  readonly percent: number;
}

/** The file is looked at every second; so soon nobody may be mispriced any more, also on a busy machine. */
const IN_FORCE_WITHIN_MS = 4_000;
/**
 * A rollout by customer is exact in the long run only: who has more than twice the share of orders did not get the
 * share.
 */
const SLACK = 2;
const LARGE = 10;

/**
 * A pricing rule that is wrong goes live. How many orders have wrong prices until it is gone, beyond what the rollout
 * puts at risk?
 */
export const experiment: Experiment<FlagsLoad> = {
  title: 'Feature flags',
  harm: 'orders mispriced beyond twice the share of the rollout, or after the switch had to be in force',
  variants: [
    {
      name: 'full deploy',
      practice: false,
      what: 'a version with the rule for everybody; the way back is the version before',
    },
    { name: 'switch', practice: false, what: 'a flag that is on for everybody at once, and can be switched off' },
    {
      name: 'share and switch',
      practice: true,
      what: 'a flag that is on for 5 % of customers, and can be switched off',
    },
  ],
  load: {
    full: { seed: 20, customers: 1_000, rate: 100, noticedAfterSeconds: 12, seconds: 20, percent: 5 },
    quick: { seed: 20, customers: 1_000, rate: 60, noticedAfterSeconds: 2, seconds: 7, percent: 5 },
  },
  tables:
    'CREATE TABLE orders (number int PRIMARY KEY, customer uuid NOT NULL, price int NOT NULL, quantity int NOT NULL, total int NOT NULL)',
  topics: [],

  async round(bench, variant, load) {
    const file = join(tmpdir(), bench.named('flags.json'));
    try {
      return judged(await orders(bench, await rollout(bench, { variant, load, file }), load), load);
    } finally {
      rmSync(file, { force: true });
    }
  },
};

interface Rollout {
  readonly askedAt: ReadonlyMap<number, number>;
  readonly noticedAt: number;
  readonly doubts: readonly string[];
}

/** Customers order; after a while somebody notices, and goes the way back that there is. */
async function rollout(
  bench: Bench,
  { variant: { name, practice }, load, file }: { variant: Variant; load: FlagsLoad; file: string },
): Promise<Rollout> {
  const main = import.meta.resolve('./service.ts');
  define(file, { percent: practice ? load.percent : 100, state: 'ENABLED' });
  const processes = [await bench.start(main, name)];
  const goBack = async () => {
    if (name === 'full deploy') processes.push(await bench.start(main, 'rolled back'));
    else define(file, { percent: 0, state: 'DISABLED' });
  };
  const [wanted, askedAt] = [plan(load), new Map<number, number>()];
  let [noticedAt, back] = [Infinity, Promise.resolve()];
  await openLoop(load.rate, load.seconds, async (number) => {
    if (number === load.rate * load.noticedAfterSeconds) [noticedAt, back] = [performance.now(), goBack()];
    askedAt.set(number, performance.now());
    await processes.at(-1)?.ask(wanted[number]);
  });
  await back;
  return { askedAt, noticedAt, doubts: bench.doubts(...processes) };
}

/** As it is done to a file that is read: beside it, then in its place. */
function define(file: string, { percent, state }: { percent: number; state: string }): void {
  const targeting = {
    fractional: [
      ['on', percent],
      ['off', 100 - percent],
    ],
  };
  writeFileSync(
    `${file}.new`,
    JSON.stringify({
      flags: { 'volume-discount': { state, variants: { on: true, off: false }, defaultVariant: 'off', targeting } },
    }),
  );
  renameSync(`${file}.new`, file);
}

/** Everybody orders equally often, and every second order is one that the rule is about. */
function plan({ seed, customers, rate, seconds }: FlagsLoad): Wanted[] {
  const next = numbersFrom(seed);
  const names = keysFrom(next, customers);
  return Array.from({ length: rate * seconds }, (_, number) => ({
    number,
    customer: names[Math.floor(next() * customers)] ?? '',
    price: 100 + Math.floor(next() * 10_000),
    quantity: number % 2 === 0 ? LARGE + Math.floor(next() * LARGE) : 1 + Math.floor(next() * 3),
  }));
}

/**
 * Each order with when it was asked for, and whether its total is neither by the list nor by the rule that was meant.
 */
async function orders(bench: Bench, { askedAt, noticedAt, doubts }: Rollout, { rate, seconds }: FlagsLoad) {
  const rows = await bench.query<{ number: number; quantity: number; lost: number; wrong: boolean }>(
    `SELECT number, quantity, price * quantity - total AS lost,
            total <> price * quantity AND NOT (quantity >= ${LARGE} AND total = round(price * 0.95) * quantity) AS wrong FROM orders`,
  );
  const placed = rows.map((row) => ({ ...row, sinceNoticed: (askedAt.get(row.number) ?? 0) - noticedAt }));
  return {
    placed,
    doubts: [
      ...doubts,
      ...(rows.length === rate * seconds ? [] : [`of ${rate * seconds} orders ${rows.length} were placed`]),
    ],
  };
}

function judged({ placed, doubts }: Awaited<ReturnType<typeof orders>>, { percent }: FlagsLoad) {
  const wrong = placed.filter((order) => order.wrong);
  const late = wrong.filter(({ sinceNoticed }) => sinceNoticed > IN_FORCE_WITHIN_MS).length;
  const atRisk = placed.filter(
    ({ quantity, sinceNoticed }) => quantity >= LARGE && sinceNoticed <= IN_FORCE_WITHIN_MS,
  ).length;
  const bound = Math.ceil((SLACK * percent * atRisk) / 100);
  return {
    harm: Math.max(0, wrong.length - late - bound) + late,
    figures: {
      orders: placed.length,
      'at risk': atRisk,
      bound,
      mispriced: wrong.length,
      'after it was noticed': wrong.filter(({ sinceNoticed }) => sinceNoticed >= 0).length,
      late,
      'given away, cents': wrong.reduce((sum, { lost }) => sum + lost, 0),
    },
    doubts: [
      ...doubts,
      ...(wrong.length > 0 ? [] : ['the wrong rule priced nothing']),
      ...(placed.some(({ sinceNoticed }) => sinceNoticed > IN_FORCE_WITHIN_MS)
        ? []
        : ['the load ended before the switch had to be in force']),
    ],
  };
}
