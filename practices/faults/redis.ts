import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { outcomeOf } from '../checker/commands.ts';
import type { Fault, Findings } from './fault.ts';
import { gaugesOf } from './gauges.ts';
import { Readers, type Reading } from './readers.ts';
import type { Site } from './site.ts';

const PHASE_MS = { quick: 3_000, full: 15_000 };
/** Of all reads and orders, so many may fail: one in a thousand. */
const LOST = 0.001;
const GROWTH_MIB = 50;

/** What may become of Redis, and how it is made good again. */
type Ailment = readonly [name: string, befall: () => Promise<unknown>, cure: () => Promise<unknown>];

export const redisAway: Fault = {
  id: 'F10',
  title: 'Redis is killed, flushed, silent and read-only: nobody needs it',
  async strike({ site, quick, next }) {
    const phaseMs = quick ? PHASE_MS.quick : PHASE_MS.full;
    const readers = await Readers.open(site, next);
    const well = await readers.read(phaseMs);
    const before = memoryOf(site);
    const phases: [string, readonly Reading[]][] = [['well', well]];
    for (const [name, befall, cure] of ailmentsOf(site)) {
      await site.accident(`Redis is ${name}`, () => befall().then(() => true));
      phases.push([name, await readers.read(phaseMs)]);
      await cure();
      await sleep(1_000);
    }
    const growth = Math.max(...memoryOf(site).map((size, index) => size - (before[index] ?? size)));
    return judged(phases, growth);
  },
  judge({ commands }) {
    const answers = commands.flatMap((command) => command.answers);
    const failed = answers.filter((answer) => outcomeOf({ answers: [answer] }) === 'unknown').length;
    return {
      figures: { 'requests for orders': answers.length, 'of them failed': failed },
      broken: failed > answers.length * LOST ? [`${failed} of ${answers.length} requests for orders failed`] : [],
    };
  },
};

function ailmentsOf(site: Site): Ailment[] {
  const server = site.server('redis');
  const redis = (command: (redis: Redis) => Promise<unknown>) => async () => {
    const client = new Redis(site.servers.redis?.url ?? '', { retryStrategy: () => null });
    await command(client).finally(() => client.disconnect());
  };
  return [
    ['killed', () => server.kill(), () => server.start()],
    ['flushed', redis((client) => client.flushall()), async () => {}],
    ['silent', async () => server.signal('SIGSTOP'), async () => server.signal('SIGCONT')],
    // A replica of nobody: it answers reads, and refuses writes.
    [
      'read-only',
      redis((client) => client.replicaof('127.0.0.1', 1)),
      redis((client) => client.replicaof('NO', 'ONE')),
    ],
  ];
}

/**
 * Reads and their times in each phase; times are shown, and judged by whoever reads them: on a busy machine they are
 * the machine's.
 */
function judged(phases: readonly (readonly [string, readonly Reading[]])[], growth: number): Findings {
  const all = phases.flatMap(([, readings]) => readings);
  const failed = all.filter(({ ok }) => !ok).length;
  const times = Object.fromEntries(phases.map(([name, readings]) => [`p99 ${name} (ms)`, p99(readings)]));
  return {
    figures: { reads: all.length, 'reads that failed': failed, ...times, 'a process grew by at most (MiB)': growth },
    broken: [
      ...(failed > all.length * LOST ? [`${failed} of ${all.length} reads failed`] : []),
      ...(growth > GROWTH_MIB ? [`a process grew by ${growth} MiB while Redis was ill`] : []),
    ],
  };
}

function p99(readings: readonly Reading[]): number {
  const times = readings.map(({ ms }) => ms).sort((a, b) => a - b);
  return Math.round((times[Math.floor(times.length * 0.99)] ?? 0) * 10) / 10;
}

/** Of each process that uses Redis, in MiB. */
function memoryOf(site: Site): number[] {
  return site.shop.processes
    .filter(({ service }) => service === 'gateway' || service === 'catalog')
    .map(({ pid }) => (pid === undefined ? 0 : (gaugesOf([pid])?.memoryMiB ?? 0)));
}
