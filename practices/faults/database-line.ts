import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from '../checker/evidence.ts';
import type { Fault } from './fault.ts';
import { Readers } from './readers.ts';
import { databaseAway, taken } from './servers.ts';
import type { Site } from './site.ts';
import { SlowLine, type Ailment } from './slow-line.ts';

const PHASE_MS = { quick: 6_000, full: 20_000 };
const ailments: readonly Ailment[] = ['slow', 'resetting', 'silent'];
/** What the gateway gives a request (REQUEST_BUDGET_MS), and what a busy machine may add. */
const [BUDGET_MS, GRACE_MS] = [5_000, 1_000];
const BACK_WITHIN_MS = 20_000;

export const databaseUnwell: Fault = {
  id: 'F8',
  title: 'the line from orders to Postgres is slow, resetting and silent',
  // A transaction on a silent line holds what it locked until the server gives it up.
  bounds: { stalenessMs: 150_000 },
  async strike({ site, quick, next, say }) {
    const line = await SlowLine.to(site.shop.databases.orders.url);
    try {
      await everyInstance(site, { DATABASE_URL: line.through(site.shop.databases.orders.url) });
      const readers = await Readers.open(site, next);
      const times: Record<string, number> = {};
      const broken: string[] = [];
      for (const ailment of ailments) {
        const read = await phase({ site, line, readers, ailment, phaseMs: quick ? PHASE_MS.quick : PHASE_MS.full });
        const back = await taken(site);
        times[`orders taken again after ${ailment} (ms)`] = back;
        times[`p99 of reads while ${ailment} (ms)`] = read.p99;
        say(`the line was ${ailment}; orders are taken again ${back} ms later`);
        if (read.failed > 0)
          broken.push(`${read.failed} reads of the catalog failed while the line of orders was ${ailment}`);
        if (back > BACK_WITHIN_MS)
          broken.push(`orders were not taken again ${BACK_WITHIN_MS / 1_000} s after the line had been ${ailment}`);
      }
      return { figures: times, broken };
    } finally {
      await everyInstance(site, {});
      await line.close();
    }
  },
  judge(seen) {
    const { slowest, late } = deadlinesOf(seen.commands);
    const { figures, broken } = databaseAway(seen);
    const overdue =
      late > 0 ? [`${late} requests were answered after their deadline, the slowest after ${slowest} ms`] : [];
    return {
      figures: { ...figures, 'slowest answer (ms)': slowest, 'answered after their deadline': late },
      broken: [...broken, ...overdue],
    };
  },
};

/** One after the other: a restart must not be an outage of its own. */
async function everyInstance(site: Site, env: Record<string, string>): Promise<void> {
  for (const instance of [1, 2]) await site.shop.restart('orders', instance, env);
}

interface Phase {
  readonly site: Site;
  readonly line: SlowLine;
  readonly readers: Readers;
  readonly ailment: Ailment;
  readonly phaseMs: number;
}

async function phase({ site, line, readers, ailment, phaseMs }: Phase): Promise<{ failed: number; p99: number }> {
  let readings: Awaited<ReturnType<Readers['read']>> = [];
  await site.accident(`the line is ${ailment}`, async () => {
    line.fallIll(ailment);
    readings = await readers.read(phaseMs);
    line.recover();
    return line.hits > 0;
  });
  await sleep(500);
  const times = readings.map(({ ms }) => ms).sort((a, b) => a - b);
  return {
    failed: readings.filter(({ ok }) => !ok).length,
    p99: Math.round(times[Math.floor(times.length * 0.99)] ?? 0),
  };
}

function deadlinesOf(commands: readonly Command[]): { slowest: number; late: number } {
  const all = commands.flatMap(({ answers }) => answers.map(({ ms = 0 }) => ms));
  return { slowest: Math.round(Math.max(0, ...all)), late: all.filter((ms) => ms > BUDGET_MS + GRACE_MS).length };
}
