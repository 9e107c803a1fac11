import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { stockReserved } from '@shop/contracts';
import { event, PostgresOutbox } from '@shop/eventing';
import { createTopics } from '@shop/infra/topics';
import { Database, migrate } from '@shop/platform';
import pg from 'pg';
import type { Bench, Measured, Setting } from '../../lab/bench.ts';
import { Child } from '../../lab/child.ts';
import type { Meter } from '../../lab/serve.ts';

const LOADS = { full: { events: 200_000, keys: 2_000 }, quick: { events: 10_000, keys: 500 } } as const;
const WRITERS = 4;
const PER_TRANSACTION = 50;
/** Nothing has come for so long: what is missing then is lost. */
const PATIENCE_MS = 20_000;

type Cost = ReturnType<Meter['read']>;
interface Findings {
  readonly lost: number;
  readonly twice: number;
  readonly inverted: number;
}

/** Writers as services are, one relay, one consumer; what happened and what was seen are compared key by key. */
export const bench: Bench = {
  title: 'Events through one relay and one consumer',
  need: ['postgres', 'kafka'],
  async measure({ servers, quick, say }: Setting): Promise<Measured> {
    const load = LOADS[quick ? 'quick' : 'full'];
    const brokers = servers.kafka?.brokers ?? '';
    await createTopics(brokers);
    const url = await makeDatabase(servers.postgres.adminUrl);
    const database = new Database(url, { size: WRITERS, application: 'bench' });
    const part = (name: string) =>
      Child.start(new URL('part.ts', import.meta.url), { PART: name, DATABASE_URL: url, KAFKA_BROKERS: brokers });
    const children = await Promise.all([part('relay'), part('consumer')]);
    try {
      await Promise.all(children.map((child) => child.ask(0)));
      const began = performance.now();
      await write(database, load);
      const written = performance.now();
      say(`${load.events.toLocaleString('en')} events are written (${seconds(written - began)} s)`);
      await settled(database, load.events);
      const through = performance.now();
      const [relay, consumer] = (await Promise.all(children.map((child) => child.ask<Cost>(load.events)))) as [
        Cost,
        Cost,
      ];
      const findings = await compare(database, load.events);
      const rate = Math.round(load.events / ((through - began) / 1000));
      const figures = {
        load,
        ...findings,
        eventsPerSecond: rate,
        secondsToWrite: seconds(written - began),
        seconds: seconds(through - began),
        relay,
        consumer,
      };
      const doubts = Object.entries(findings).flatMap(([what, count]) => (count === 0 ? [] : [`${count} ${what}`]));
      return { figures, lines: linesOf(load.events, rate, findings, { relay, consumer }), doubts };
    } finally {
      await Promise.all(children.map((child) => child.stop()));
      await database.close();
    }
  },
};

const seconds = (ms: number) => Math.round(ms / 100) / 10;

/** Left where it is when the bench ends: so are its servers. */
async function makeDatabase(adminUrl: string): Promise<string> {
  const name = `bench_${randomBytes(4).toString('hex')}`;
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  await sql(adminUrl, `CREATE DATABASE ${name}`);
  await migrate(url.href, [
    { name: 'eventing', dir: fileURLToPath(new URL('../../../libs/eventing/migrations', import.meta.url)) },
  ]);
  await sql(url.href, 'CREATE TABLE keys (key text PRIMARY KEY, version int NOT NULL DEFAULT 0)');
  await sql(
    url.href,
    'CREATE TABLE effects (n bigint GENERATED ALWAYS AS IDENTITY, key text NOT NULL, sequence int NOT NULL)',
  );
  return url.href;
}

async function sql(connectionString: string, text: string): Promise<void> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 10_000 });
  await client.connect();
  await client.query(text).finally(() => client.end());
}

/**
 * Side by side, each a transaction at a time: the rows of some keys, in the order of their names, then the messages
 * about them.
 */
async function write(database: Database, { events, keys }: { events: number; keys: number }): Promise<void> {
  const names = Array.from({ length: keys }, () => randomUUID()).sort();
  await database.query('INSERT INTO keys (key) SELECT unnest($1::text[])', [names]);
  const outbox = new PostgresOutbox();
  let asked = 0;
  const writer = async () => {
    for (let first = asked; first < events; first = asked) {
      asked += PER_TRANSACTION;
      const chosen = Array.from(
        { length: Math.min(PER_TRANSACTION, events - first) },
        (_, n) => names[(first + n) % keys] as string,
      );
      await database.transaction(async (tx) => {
        const rows = await tx.query<{ key: string; version: number }>(
          `WITH locked AS (SELECT key FROM keys WHERE key = ANY ($1) ORDER BY key FOR UPDATE)
           UPDATE keys SET version = version + 1 FROM locked WHERE keys.key = locked.key RETURNING keys.key, version`,
          [chosen],
          'change',
        );
        await outbox.add(
          tx,
          rows.map(({ key, version }) => event(stockReserved, { key, sequence: version, data: { orderId: key } })),
        );
      });
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, writer));
}

/** Until all have been seen, or nothing comes any more. */
async function settled(database: Database, events: number): Promise<void> {
  for (
    let [seen, at] = [-1, performance.now()];
    seen < events && performance.now() - at < PATIENCE_MS;
    await sleep(100)
  ) {
    const [row] = await database.query<{ seen: number }>('SELECT coalesce(max(n), 0)::int AS seen FROM effects');
    if (row && row.seen > seen) [seen, at] = [row.seen, performance.now()];
  }
  // A double would come after the last.
  await sleep(1_000);
}

/** What happened is 1..version of each key. */
async function compare(database: Database, events: number): Promise<Findings> {
  const [found] = await database.query<Findings & { happened: number }>(
    `SELECT (SELECT sum(version) FROM keys)::int AS happened,
            (SELECT sum(version) FROM keys)::int - count(DISTINCT (key, sequence))::int AS lost,
            count(*)::int - count(DISTINCT (key, sequence))::int AS twice,
            count(*) FILTER (WHERE sequence < before)::int AS inverted
     FROM (SELECT key, sequence, max(sequence) OVER (PARTITION BY key ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM effects) AS seen`,
  );
  if (found?.happened !== events) throw new Error(`${found?.happened} events were written, not ${events}`);
  const { lost, twice, inverted } = found;
  return { lost, twice, inverted };
}

function linesOf(
  events: number,
  rate: number,
  { lost, twice, inverted }: Findings,
  { relay, consumer }: { relay: Cost; consumer: Cost },
): string[] {
  const cost = ({ cpuMicros, rssMiB }: Cost) => `${cpuMicros} µs CPU per event, ${rssMiB} MiB`;
  return [
    `${events.toLocaleString('en')} events: ${lost} lost, ${twice} twice, ${inverted} inverted`,
    `${rate.toLocaleString('en')} events a second from the first commit to the last effect`,
    `relay      ${cost(relay)}`,
    `consumer   ${cost(consumer)}`,
  ];
}
