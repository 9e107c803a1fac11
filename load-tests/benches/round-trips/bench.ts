import { processorMicros } from '@shop/infra/processor-time';
import pg from 'pg';
import { spread, type Bench, type Measured, type Setting } from '../../lab/bench.ts';
import { sql } from '../../lab/pgbench.ts';
import { inTurn, type Round, type Rounds, type Side } from '../../lab/versus.ts';

const LOADS = { full: { rounds: 5, seconds: 3 }, quick: { rounds: 1, seconds: 1 } } as const;
/** As many as handle messages in a pool of ten. */
const CLIENTS = 5;
const ROWS = 500;

const make = `CREATE TABLE IF NOT EXISTS bench_inbox (consumer text, message_id text, PRIMARY KEY (consumer, message_id));
CREATE TABLE IF NOT EXISTS bench_list (id int PRIMARY KEY, status text NOT NULL, version int NOT NULL);
TRUNCATE bench_inbox, bench_list`;

const claim = (n: number) => ({
  name: 'claim',
  text: 'INSERT INTO bench_inbox VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING 1',
  values: ['bench', String(n)],
});
const lock = (n: number) => ({
  name: 'lock',
  text: 'SELECT status, version FROM bench_list WHERE id = $1 FOR UPDATE',
  values: [n % ROWS],
});
const look = (n: number) => ({
  name: 'look',
  text: 'SELECT status, version FROM bench_list WHERE id = $1',
  values: [n % ROWS],
});
const upsert = 'ON CONFLICT (id) DO UPDATE SET status = excluded.status, version = bench_list.version + 1';
const store = (n: number) => ({
  name: 'store',
  text: `INSERT INTO bench_list VALUES ($1, $2, 1) ${upsert}`,
  values: [n % ROWS, 'reserved'],
});
const all = (n: number) => ({
  name: 'all',
  text: `WITH claimed AS (INSERT INTO bench_inbox VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING 1) INSERT INTO bench_list SELECT $3, $4, 1 FROM claimed ${upsert}`,
  values: ['bench', String(n), n % ROWS, 'reserved'],
});

/** What handles one message, `n` being its number. */
type Way = (client: pg.Client, n: number) => Promise<unknown>;

const ways: Readonly<Record<string, Way>> = {
  'five statements, one after the other': async (client, n) => {
    await client.query('BEGIN');
    for (const statement of [claim(n), lock(n), store(n)]) await client.query(statement);
    await client.query('COMMIT');
  },
  'the same, BEGIN and COMMIT in one write with their neighbours': async (client, n) => {
    await inOneWrite(client, () => [client.query('BEGIN'), client.query(claim(n))]);
    await client.query(lock(n));
    await inOneWrite(client, () => [client.query(store(n)), client.query('COMMIT')]);
  },
  'a look, then one statement for all': async (client, n) => {
    await client.query(look(n));
    await client.query(all(n));
  },
  'one statement': (client, n) => client.query(all(n)),
};

/**
 * What a consumer's transaction costs by how many times it goes to the database: whether it would pay to write less
 * legible statements.
 */
export const bench: Bench = {
  title: 'Handling a message in five round trips, in fewer, and in one',
  need: ['postgres'],
  async measure({ servers, quick, say }: Setting): Promise<Measured> {
    const { rounds, seconds } = LOADS[quick ? 'quick' : 'full'];
    const { adminUrl } = servers.postgres;
    const postgres = servers.state.processes.pids.find(({ name }) => name === 'postgres')?.pid;
    const sides = Object.entries(ways).map(
      ([name, way]): Side => ({
        name,
        run: () => saturated(way, { url: adminUrl, seconds, postgres }),
        rest: () => sql(adminUrl, make),
      }),
    );
    await sql(adminUrl, make);
    const found = await inTurn(sides, rounds, say);
    const lines = Object.entries(costs(found)).map(
      ([name, { perSecond, node, postgres: server }]) =>
        `${name}: ${perSecond.toLocaleString('en')} a second; CPU µs a message: node ${node}, postgres ${server}`,
    );
    return {
      figures: { clients: CLIENTS, seconds, costs: costs(found), rounds: found },
      lines,
      doubts: [],
      pages: { 'docs/performance.md': tableOf(found) },
    };
  },
};

async function saturated(
  way: Way,
  { url, seconds, postgres }: { url: string; seconds: number; postgres: number | undefined },
): Promise<Round> {
  const clients = Array.from(
    { length: CLIENTS },
    () => new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000, pipeline: true }),
  );
  await Promise.all(clients.map((client) => client.connect()));
  let [n, done] = [0, 0];
  await Promise.all(clients.map((client) => way(client, n++))); // statements are prepared by then
  const server = () => (postgres === undefined ? NaN : processorMicros(postgres));
  const before = { at: performance.now(), node: process.cpuUsage(), server: server() };
  const until = before.at + seconds * 1_000;
  const worker = async (client: pg.Client) => {
    for (; performance.now() < until; done++) await way(client, n++);
  };
  await Promise.all(clients.map(worker));
  const [node, ms] = [process.cpuUsage(before.node), performance.now() - before.at];
  const cpuMicros = {
    node: Math.round((node.user + node.system) / done),
    postgres: Math.round((server() - before.server) / done),
  };
  await Promise.all(clients.map((client) => client.end()));
  return { perSecond: Math.round(done / (ms / 1_000)), failed: 0, cpuMicros };
}

/** pg has a pipeline, and no way to send two queries at once: the socket is held back meanwhile. */
async function inOneWrite(client: pg.Client, ask: () => Promise<unknown>[]): Promise<void> {
  const { stream } = (client as unknown as { connection: { stream: { cork(): void; uncork(): void } } }).connection;
  stream.cork();
  const asked = ask();
  stream.uncork();
  await Promise.all(asked);
}

const costs = (found: Rounds) =>
  Object.fromEntries(
    Object.entries(found).map(([name, rounds]) => {
      const median = (of: (round: Round) => number) => Math.round(spread(rounds.map(of)).median);
      return [
        name,
        {
          perSecond: median(({ perSecond }) => perSecond),
          node: median(({ cpuMicros }) => cpuMicros['node'] ?? NaN),
          postgres: median(({ cpuMicros }) => cpuMicros['postgres'] ?? NaN),
        },
      ];
    }),
  );

function tableOf(found: Rounds): string {
  const lines = Object.entries(costs(found)).map(
    ([name, { perSecond, node, postgres }]) =>
      `| ${name} | ${perSecond.toLocaleString('en')} | ${node} | ${postgres} |`,
  );
  return [
    '| a message is handled by | a second | CPU µs, Node | CPU µs, Postgres |',
    '|---|---|---|---|',
    ...lines,
  ].join('\n');
}
