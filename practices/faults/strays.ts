import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { consumers } from '@shop/contracts';
import { SHARD_LOCK } from '@shop/eventing';
import { freePorts } from '@shop/infra/ports';
import type { Shop } from '@shop/infra/shop';
import { AssignerProtocol } from 'kafkajs';
import pg from 'pg';
import type { Fault, Findings } from './fault.ts';
import { Scratch } from './mutants/scratch.ts';
import { during, LATE_MS, timesOf } from './phases.ts';
import type { Site } from './site.ts';
import { SlowLine } from './slow-line.ts';

/** How long orders arrive before a stray comes, and while those are there that run on. */
const [BASE_MS, BESIDE_MS] = [
  { quick: 12_000, full: 40_000 },
  { quick: 25_000, full: 60_000 },
];
/** How long one that contradicts the others may take to say so and end: it is started on a machine that is busy. */
const REFUSED_WITHIN_MS = 60_000;
/** How much slower half of the orders may end, and how many more of them may be late. */
const [SLOWER, LATER] = [2, 0.1];

interface Stray {
  readonly what: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly tree?: string;
  /** What it has to say when it ends; absent where it may run on, as long as it takes nothing. */
  readonly says?: string;
}

/** Fewer shards, as an instance of another version might have. */
const FEWER_SHARDS = {
  file: 'libs/eventing/src/outgoing.ts',
  find: 'export const SHARDS = 16;',
  replace: 'export const SHARDS = 8;',
} as const;

export const straysBeside: Fault = {
  id: 'F21',
  title: 'instances that reach no broker or no database, or contradict the others, beside good ones',
  async strike({ site, quick, say }): Promise<Findings> {
    const silent = await silentPort();
    const scratch = await Scratch.make();
    const line = await SlowLine.to(site.shop.databases.orders.url);
    try {
      return await scratch.patched(FEWER_SHARDS, async () =>
        strike({
          site,
          line,
          strays: await straysOf({ site, line, silent: silent.port, tree: scratch.folder }),
          quick,
          say,
        }),
      );
    } finally {
      scratch.remove();
      silent.close();
      await line.close();
    }
  },
};

interface StraysOptions {
  readonly site: Site;
  readonly line: SlowLine;
  /** A port that accepts and says nothing. */
  readonly silent: number;
  /** With fewer shards. */
  readonly tree: string;
}

/**
 * All are of orders, which has an outbox and consumers. Those that reach the database do so by a line of their own: by
 * that it knows them.
 */
async function straysOf({ site, line, silent, tree }: StraysOptions): Promise<Stray[]> {
  const [nobody] = await freePorts([0]);
  const { url, replicationUrl } = site.shop.databases.orders;
  const through = {
    DATABASE_URL: line.through(url),
    ...(replicationUrl !== undefined && { REPLICATION_URL: line.through(replicationUrl) }),
  };
  const database = (port = 0) => {
    const elsewhere = new URL(url);
    elsewhere.port = String(port);
    return { DATABASE_URL: elsewhere.href };
  };
  const says = 'does not agree with the others of its service';
  const driver: Record<string, string> =
    replicationUrl === undefined
      ? { OUTBOX_DRIVER: 'wal', REPLICATION_URL: line.through(url) }
      : { OUTBOX_DRIVER: 'queue' };
  return [
    { what: 'reaches no broker', env: { ...through, KAFKA_BROKERS: `127.0.0.1:${nobody}` } },
    { what: 'has a silent broker', env: { ...through, KAFKA_BROKERS: `127.0.0.1:${silent}` } },
    { what: 'reaches no database', env: database(nobody) },
    { what: 'has a silent database', env: database(silent) },
    { what: 'has another outbox driver', env: { ...through, ...driver }, says },
    { what: 'has another Kafka client', env: { ...through, KAFKA_CLIENT: 'kafkajs' }, says },
    { what: 'has fewer shards', env: through, tree, says },
  ];
}

interface StrikeOptions {
  readonly site: Site;
  readonly line: SlowLine;
  readonly strays: readonly Stray[];
  readonly quick: boolean;
  readonly say: (line: string) => void;
}

async function strike({ site, line, strays, quick, say }: StrikeOptions): Promise<Findings> {
  const base = await during(site, () => sleep(quick ? BASE_MS.quick : BASE_MS.full));
  const [broken, figures]: [string[], Record<string, number>] = [[], {}];
  const beside = await during(site, () =>
    site.accident(`${strays.length} strays beside good instances`, async () => {
      const running = await Promise.all(
        strays.map(async (stray, n) => ({
          stray,
          process: await site.shop.startStray('orders', `orders-stray-${n + 1}`, { ...stray.env }, stray.tree),
        })),
      );
      const watched = watch(
        site,
        line,
        running.map(({ process: { pid } }) => pid),
      );
      // First those that are to end: how quickly they do is not to be seen while all load their modules.
      const ended = await Promise.all(
        running.map(async ({ stray, process }) => (stray.says === undefined ? undefined : endOf(process))),
      );
      say('those that contradict the others have ended, or had their time');
      await sleep(quick ? BESIDE_MS.quick : BESIDE_MS.full);
      const taken = await watched();
      await Promise.all(running.map(({ process }) => process.stop()));
      for (const [n, { stray, process }] of running.entries()) {
        const [partitions, end] = [taken.partitions.get(process.pid) ?? 0, ended[n]];
        if (partitions > 0) broken.push(`one that ${stray.what} was given ${partitions} partitions`);
        if (stray.says === undefined) continue;
        if (end === undefined || end.code === 0)
          broken.push(`one that ${stray.what} did not refuse to start within ${REFUSED_WITHIN_MS / 1_000} s`);
        else figures[`one that ${stray.what} had ended after (ms)`] = end.ms;
        if (!readFileSync(process.log, 'utf8').includes(stray.says))
          broken.push(`one that ${stray.what} does not say so when it ends`);
      }
      if (taken.shards > 0) broken.push(`strays that reach the database took ${taken.shards} shards, or the slot`);
      figures['looks at what they had taken'] = taken.looks;
      figures['sessions of theirs at the database, at most'] = taken.sessions;
      // With no session of theirs ever seen, nothing can be told of what they did not take.
      return taken.looks > 0 && taken.sessions > 0;
    }),
  );
  await sleep(LATE_MS);
  const [before, meanwhile] = [await timesOf(site, base), await timesOf(site, beside)];
  const ratio = meanwhile.p50 / Math.max(1, before.p50);
  if (ratio > SLOWER) broken.push(`half of the orders took ${ratio.toFixed(1)} times as long as before`);
  if (meanwhile.late / Math.max(1, meanwhile.count) > before.late / Math.max(1, before.count) + LATER)
    broken.push(
      `${meanwhile.late} of ${meanwhile.count} orders ended later than ${LATE_MS} ms (${before.late} of ${before.count} before)`,
    );
  return {
    figures: {
      strays: strays.length,
      ...figures,
      'orders meanwhile': meanwhile.count,
      'half of the orders end within, before (ms)': before.p50,
      'half of them meanwhile (ms)': meanwhile.p50,
      'that is times as long as before': Math.round(ratio * 100) / 100,
      [`later than ${LATE_MS} ms`]: meanwhile.late,
    },
    broken,
  };
}

/** How a process ended, and how long after it was started; undefined when it has not in time. */
async function endOf(
  process: Pick<Awaited<ReturnType<Shop['startStray']>>, 'exited'>,
): Promise<{ code: number | null; ms: number } | undefined> {
  const began = performance.now();
  const late = sleep(REFUSED_WITHIN_MS, undefined, { ref: false });
  const end = await Promise.race([process.exited, late]);
  return end && { code: end.code, ms: Math.round(performance.now() - began) };
}

/** The most that strays held at any look: shards or the slot, of all of them together; partitions of each. */
interface Taken {
  shards: number;
  readonly partitions: Map<number, number>;
  looks: number;
  sessions: number;
}

/** Looks again and again at what they have taken, until it is asked for the answer. */
function watch(site: Site, line: SlowLine, pids: readonly number[]): () => Promise<Taken> {
  const taken: Taken = { shards: 0, partitions: new Map(), looks: 0, sessions: 0 };
  const groups = Object.keys(consumers).filter((name) => name.startsWith('orders.'));
  // Only an administrator sees from which port another role came.
  const admin = new pg.Pool({
    connectionString: site.servers.postgres.adminUrl,
    max: 1,
    connectionTimeoutMillis: 5_000,
    query_timeout: 10_000,
  });
  admin.on('error', () => undefined);
  let over = false;
  const look = async () => {
    const ports = line.ports;
    const {
      rows: [row],
    } = await admin.query<{ sessions: number; held: number }>(
      `WITH theirs AS (SELECT pid FROM pg_stat_activity WHERE client_port = ANY (ARRAY[${ports.join(', ')}]::int[]))
       SELECT (SELECT count(*)::int FROM theirs) AS sessions,
              (SELECT count(*)::int FROM pg_locks JOIN theirs USING (pid) WHERE locktype = 'advisory' AND classid = ${SHARD_LOCK} AND granted)
                + (SELECT count(*)::int FROM pg_replication_slots s JOIN theirs ON theirs.pid = s.active_pid) AS held`,
    );
    taken.shards = Math.max(taken.shards, row?.held ?? 0);
    taken.sessions = Math.max(taken.sessions, row?.sessions ?? 0);
    const { groups: described } = await site.admin.describeGroups(groups);
    for (const pid of pids) {
      const mine = described.flatMap(({ members }) => members.filter(({ clientId }) => clientId === `shop-${pid}`));
      const partitions = mine.flatMap(({ memberAssignment }) =>
        Object.values(AssignerProtocol.MemberAssignment.decode(memberAssignment)?.assignment ?? {}).flat(),
      ).length;
      taken.partitions.set(pid, Math.max(taken.partitions.get(pid) ?? 0, partitions));
    }
    taken.looks++;
  };
  const looking = (async () => {
    for (; !over; await sleep(300)) await look().catch(() => {}); // counted when it told something
  })();
  return async () => {
    over = true;
    await looking;
    await admin.end();
    return taken;
  };
}

async function silentPort(): Promise<{ port: number; close(): void }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) =>
    sockets.add(socket.on('error', () => {}).once('close', () => sockets.delete(socket))),
  );
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const close = () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { port: (server.address() as AddressInfo).port, close };
}
