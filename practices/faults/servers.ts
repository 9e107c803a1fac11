import { setTimeout as sleep } from 'node:timers/promises';
import { outcomeOf } from '../checker/commands.ts';
import type { Command } from '../checker/evidence.ts';
import type { Fault, Findings, Seen } from './fault.ts';
import { serverKilled } from './kills.ts';
import type { Site } from './site.ts';

/** Attempts that were not answered as if nothing had happened. */
export const failures = (commands: readonly Command[]) =>
  commands.flatMap(({ answers }) => answers.filter((answer) => outcomeOf({ answers: [answer] }) === 'unknown'));

/**
 * Longer than a process may be silent before it counts as stuck: a broker that is away must not count against anybody.
 */
const AWAY_MS = { quick: 40_000, full: 150_000 };

export const brokerAway: Fault = {
  id: 'F5',
  title: 'the broker is killed, and away for minutes',
  bounds: { stalenessMs: AWAY_MS.full + 90_000 },
  async strike({ site, quick, say }) {
    const awayMs = quick ? AWAY_MS.quick : AWAY_MS.full;
    const before = site.gauges();
    const watched = watch(site);
    const kafka = site.server('kafka');
    await site.accident('kill kafka', () => kafka.kill().then(() => true));
    await sleep(awayMs);
    const [unwell, after, waiting] = [await watched(), site.gauges(), (await site.inFlight()).outbox];
    const since = performance.now();
    await kafka.start();
    await drained(site);
    const drainedMs = Math.round(performance.now() - since);
    say(`Kafka is back; ${waiting} messages of orders waited`);
    return {
      figures: {
        'away (s)': awayMs / 1_000,
        'orders waiting at its return': waiting,
        'drained, its start included (ms)': drainedMs,
        'memory grew meanwhile (MiB)': Math.max(0, (after?.memoryMiB ?? 0) - (before?.memoryMiB ?? 0)),
      },
      broken: unwell.map(
        (one) => `${one} while the broker was away: it is not their fault, and orders still go through`,
      ),
    };
  },
  judge({ commands, evidence }) {
    const failed = failures(commands).length;
    const mine = new Set(commands.flatMap(({ answers }) => answers.flatMap(({ order }) => order ?? [])));
    const timedOut = evidence.events.filter(
      ({ stream, type, data }) => type === 'OrderCancelled' && data['reason'] === 'timed-out' && mine.has(stream),
    ).length;
    return {
      figures: { 'requests that failed': failed, 'cancelled as timed out': timedOut },
      broken: [
        ...(failed > 0 ? [`${failed} requests failed: the outbox is there so that none does`] : []),
        ...(timedOut > 0 ? [`${timedOut} orders were cancelled as timed out: nobody could answer them`] : []),
      ],
    };
  },
};

/** Asks every instance again and again whether it is live and ready; the answer: who was not, and why. */
function watch(site: Site): () => Promise<string[]> {
  const unwell = new Map<string, string>();
  let over = false;
  const asking = (async () => {
    for (; !over; await sleep(1_000)) {
      for (const [service, urls] of Object.entries(site.shop.instances)) {
        for (const probe of ['live', 'ready'])
          await Promise.all(
            urls.map((url, index) =>
              ask(`${url}/health/${probe}`).catch((error: Error) =>
                unwell.set(`${service}-${index + 1} is not ${probe}`, error.message),
              ),
            ),
          );
      }
    }
  })();
  return async () => {
    over = true;
    await asking;
    return [...unwell].map(([who, why]) => `${who} (${why})`);
  };
}

async function ask(url: string): Promise<void> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(10_000) });
  const text = await answer.text();
  if (!answer.ok) throw new Error(text);
}

/** Until no more waits than on any day, or a minute has gone by. */
export async function drained(site: Site): Promise<void> {
  for (const until = performance.now() + 60_000; (await site.inFlight()).outbox > 20 && performance.now() < until; )
    await sleep(20);
}

export const databaseRestarted: Fault = {
  id: 'F6',
  title: 'Postgres is restarted, at once and without asking',
  bounds: { stalenessMs: 90_000 },
  async strike({ site, quick, next }) {
    const backMs: number[] = [];
    for (let n = 0; n < (quick ? 1 : 5); n++) {
      await serverKilled({ site }, 'postgres', 300 + next() * 1_500);
      backMs.push(await taken(site));
      await sleep(3_000);
    }
    return { figures: { 'orders taken again after at most (ms)': Math.max(...backMs) }, broken: [] };
  },
  judge: databaseAway,
};

/** While the database is away, clients are told so: 503, and nothing else. */
export function databaseAway({ commands }: Seen): Findings {
  const failed = failures(commands);
  const others = failed.filter(({ status, code }) => status !== 503 && code !== 'request-in-progress');
  const named = [...new Set(others.map(({ status, code }) => `${status ?? 'no answer'} ${code ?? ''}`.trim()))];
  return {
    figures: { 'answered 503': failed.length - others.length },
    broken: named.map((one) => `a request got "${one}" while the database was away, not 503`),
  };
}

/** Milliseconds until the next order is acknowledged. */
export async function taken(site: Site): Promise<number> {
  const since = performance.now();
  const acknowledged = () => site.load?.journal.filter((command) => outcomeOf(command) === 'ok').length ?? 0;
  const before = acknowledged();
  for (const until = since + 60_000; acknowledged() === before && performance.now() < until; ) await sleep(10);
  return Math.round(performance.now() - since);
}
