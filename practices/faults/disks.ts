import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from './fault.ts';
import { databaseAway, drained, failures, taken } from './servers.ts';
import type { Site } from './site.ts';
import { SmallDisk } from './small-disk.ts';

/** Room for what a run writes. */
const DISK_MIB = 600;
const FULL_MS = { quick: 10_000, full: 30_000 };

export const diskFull: Fault = {
  id: 'F9',
  title: "Postgres's disk is full, and is given room again",
  disk: { of: 'postgres', mebibytes: DISK_MIB },
  bounds: { stalenessMs: 120_000 },
  obstacle: () => SmallDisk.obstacle(),
  async strike({ site, quick, say }) {
    const disk = site.disk('postgres');
    const keeper = keepRunning(site, 'postgres');
    // Room that was made is used up again: a segment of the log that is recycled must not make it look survived.
    const filling = setInterval(() => disk.fill(), 500);
    await site.accident('the disk is full', async () => (disk.fill(), disk.freeBytes < 1 << 20));
    const failing = await refused(site, 60_000);
    await sleep(quick ? FULL_MS.quick : FULL_MS.full);
    clearInterval(filling);
    disk.relieve();
    const backMs = await taken(site);
    const starts = await keeper();
    say(`the disk has room again; Postgres had to be started ${starts} times`);
    return {
      figures: { 'Postgres started again': starts, 'orders taken again after (ms)': backMs },
      broken: failing ? [] : ['the disk was full, and nobody noticed within a minute'],
    };
  },
  judge: databaseAway,
};

export const brokersDiskFull: Fault = {
  id: 'F9K',
  title: "Kafka's disk is full, and is given room again",
  disk: { of: 'kafka', mebibytes: DISK_MIB },
  bounds: { stalenessMs: 180_000 },
  obstacle: () => SmallDisk.obstacle(),
  async strike({ site, quick, say }) {
    const disk = site.disk('kafka');
    const keeper = keepRunning(site, 'kafka');
    const filling = setInterval(() => disk.fill(), 500);
    await site.accident('the disk is full', async () => (disk.fill(), disk.freeBytes < 1 << 20));
    await sleep(quick ? FULL_MS.quick : FULL_MS.full);
    clearInterval(filling);
    const waiting = (await site.inFlight()).outbox;
    disk.relieve();
    const since = performance.now();
    const starts = await keeper();
    await drained(site);
    say(`the disk has room again; Kafka had to be started ${starts} times, and ${waiting} messages of orders waited`);
    return {
      figures: {
        'Kafka started again': starts,
        'orders waiting in the end': waiting,
        'drained after (ms)': Math.round(performance.now() - since),
      },
      broken: waiting === 0 ? ["Kafka's disk was full, and it took messages all the same: it was no accident"] : [],
    };
  },
  judge({ commands }) {
    const failed = failures(commands).length;
    return {
      figures: { 'requests that failed': failed },
      broken: failed > 0 ? [`${failed} requests failed: the outbox is there so that none does`] : [],
    };
  },
};

/**
 * Starts a server again whenever it gives up, as whoever runs servers does. The answer ends that and says how often it
 * was needed.
 */
function keepRunning(site: Site, name: 'postgres' | 'kafka'): () => Promise<number> {
  const server = site.server(name);
  let [over, starts] = [false, 0];
  const watching = (async () => {
    for (; !over || !server.runs; await sleep(500)) {
      if (server.runs) continue;
      starts++;
      await server.start().catch(() => undefined);
    }
  })();
  return async () => {
    over = true;
    await watching;
    return starts;
  };
}

/** Whether a request is refused within so many milliseconds. */
async function refused(site: Site, ms: number): Promise<boolean> {
  const count = () => failures(site.load?.journal ?? []).length;
  const before = count();
  for (const until = performance.now() + ms; performance.now() < until; await sleep(50))
    if (count() > before) return true;
  return false;
}
