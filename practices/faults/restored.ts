import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventsCommand } from '@shop/infra/events';
import pg from 'pg';
import { outcomeOf } from '../checker/commands.ts';
import type { Fault, Findings } from './fault.ts';
import type { Site } from './site.ts';
import type { Store } from './stores.ts';

/** Which databases are put back. Of payments the processes run on meanwhile; those of orders are killed. */
const stores = ['orders', 'payments'] as const satisfies Store[];

/**
 * How long orders arrive before the backup, after it, and after the service is back; and how long it is watched that
 * nothing is served.
 */
const [BEFORE_MS, SINCE_MS, AFTER_MS] = [
  { quick: 5_000, full: 20_000 },
  { quick: 8_000, full: 40_000 },
  { quick: 5_000, full: 20_000 },
];
const WATCHED_MS = 12_000;
/** From here on a process that ran on must have noticed. */
const NOTICED_WITHIN_MS = 3_000;
const KNOWN_WITHIN_MS = 60_000;

/** With this the provider is slow enough for orders to be under way whenever something happens to them. */
const slow = { latencyMs: 1_500 };

export const databasesRestored: Fault = {
  id: 'F22',
  title: 'the databases of orders and payments are put back to an older state while topics stay',
  bounds: { stalenessMs: 300_000 },
  obstacle: () =>
    process.env['OUTBOX_DRIVER'] === 'wal'
      ? 'F22 copies databases by SQL, which takes no replication slot along. Run it without --outbox wal.'
      : undefined,
  async strike({ site, quick, next, say }): Promise<Findings> {
    const of = (ms: { quick: number; full: number }) => (quick ? ms.quick : ms.full);
    const rate = quick ? 6 : 10;
    await sleep(of(BEFORE_MS));
    await site.again('a backup of orders and payments', () =>
      each(site, (admin, name) => copy(admin, name, `${name}_backup`)),
    );
    await sleep(of(SINCE_MS));
    await site.turnKnobs(slow);
    await sleep(2_000);
    // A command whose answer got lost has to be known before: its repeat would be another order, since the answers to
    // keys are lost (docs/adr/0047).
    await site.load?.stop(KNOWN_WITHIN_MS);
    // What was answered has to be published, too: what is in no message can be put back by nobody, and that is no news.
    await site.kill('orders', 1, ({ sagas, outbox }) => sagas > 0 && outbox === 0);
    await site.kill('orders', 2, ({ sagas }) => sagas > 0);
    await site.accident(
      'orders and payments are put back',
      () => each(site, putBack).then(() => true),
      () => true,
    );
    await site.turnKnobs({ latencyMs: 0 });
    const served = await servedMeanwhile(site);
    const told = toldBy(site);
    const lost = await lostBy(site);
    say(`put back: ${lost.orders} orders are gone from the database, ${lost.unpublished} of them nobody has heard of`);
    const said = await reconciled(site, say);
    for (const instance of [1, 2]) await site.shop.restart('payments', instance);
    await Promise.all([1, 2].map((instance) => site.shop.untilReady('orders', instance)));
    site.load?.start(next, rate);
    await sleep(of(AFTER_MS));
    const missing = await missingOrders(site);
    const named = missing.filter((order) => said.some((line) => line.includes(order)));
    const heardOf = missing.filter((order) => !named.includes(order) && !lost.unheardOf.has(order));
    return {
      figures: {
        'orders gone with the restore': lost.orders,
        'of them in no message yet': lost.unpublished,
        'acknowledged orders missing afterwards': missing.length,
        'named by the command': said.filter((line) => line.startsWith('not whole')).length,
        'requests answered from the older state': served.length,
      },
      broken: [
        ...served.map((one) => `${one} while its database was an older state`),
        ...told,
        ...heardOf.map((order) => `order ${order} was acknowledged and published, and is neither put back nor named`),
        ...(lost.orders === 0 ? ['nothing was lost by the restore: nothing can be told of it'] : []),
      ],
    };
  },
};

async function each(site: Site, work: (admin: pg.Client, name: string) => Promise<void>): Promise<void> {
  const admin = new pg.Client({ connectionString: site.servers.postgres.adminUrl, connectionTimeoutMillis: 10_000 });
  await admin.connect();
  try {
    for (const store of stores) await work(admin, nameOf(site, store));
  } finally {
    await admin.end();
  }
}

const nameOf = (site: Site, store: Store) => new URL(site.shop.databases[store].ownerUrl).pathname.slice(1);

/** Nobody is connected to it while `work` goes on. */
async function alone(admin: pg.Client, name: string, work: () => Promise<unknown>): Promise<void> {
  await admin.query(`ALTER DATABASE ${name} WITH ALLOW_CONNECTIONS false`);
  try {
    for (let left = 1; left > 0; ) {
      const { rows } = await admin.query<{ left: number }>(
        'SELECT count(pg_terminate_backend(pid))::int AS left FROM pg_stat_activity WHERE datname = $1',
        [name],
      );
      left = rows[0]?.left ?? 0;
      await sleep(20);
    }
    await work();
  } finally {
    await admin.query(`ALTER DATABASE ${name} WITH ALLOW_CONNECTIONS true`);
  }
}

const copy = (admin: pg.Client, name: string, to: string) =>
  alone(admin, name, () => admin.query(`CREATE DATABASE ${to} TEMPLATE ${name} OWNER ${name}_owner`));

/** The newer one is kept beside it, for whoever counts what is gone. */
const putBack = (admin: pg.Client, name: string) =>
  alone(admin, name, async () => {
    await admin.query(`ALTER DATABASE ${name} RENAME TO ${name}_lost`);
    await admin.query(`ALTER DATABASE ${name}_lost WITH ALLOW_CONNECTIONS true`);
    await admin.query(`ALTER DATABASE ${name}_backup RENAME TO ${name}`);
    await admin.query(`GRANT CONNECT ON DATABASE ${name} TO ${name}`);
  });

/**
 * Requests that an instance answered as if nothing had happened; what it has taken from its topics or left for them
 * besides.
 */
async function servedMeanwhile(site: Site): Promise<string[]> {
  const before = await Promise.all(stores.map((store) => taken(site, store)));
  const served: string[] = [];
  const since = performance.now();
  for (; performance.now() - since < WATCHED_MS; await sleep(200)) {
    for (const store of stores) {
      for (const [index, url] of site.shop.instances[store].entries()) {
        const status = await fetch(`${url}/orders`, { signal: AbortSignal.timeout(2_000) }).then(
          (answer) => answer.status,
          () => undefined,
        );
        if (status !== undefined && status !== 503 && performance.now() - since > NOTICED_WITHIN_MS)
          served.push(`${store}-${index + 1} answered ${status}`);
      }
    }
  }
  const after = await Promise.all(stores.map((store) => taken(site, store)));
  return [
    ...served,
    ...stores
      .filter((_, n) => before[n] !== after[n])
      .map(
        (store) =>
          `${store} took or left messages (${before[stores.indexOf(store)]} → ${after[stores.indexOf(store)]})`,
      ),
  ];
}

async function taken(site: Site, store: Store): Promise<string> {
  const [row] = await site.stores.sql<{ taken: number; left: string }>(
    store,
    'SELECT (SELECT count(*)::int FROM inbox) AS taken, (SELECT last_value FROM outbox_id_seq)::text AS left',
  );
  return `${row?.taken} taken, ${row?.left} left`;
}

/** Who has not said what is wrong. */
function toldBy(site: Site): string[] {
  return site.instances
    .filter(({ service }) => stores.some((store) => store === service))
    .flatMap(({ service, instance }) => {
      const log = readFileSync(join(site.servers.state.folder, `logs/${service}-${instance}.log`), 'utf8');
      return log.includes('is an older state')
        ? []
        : [`${service}-${instance} has not said that its database is an older state`];
    });
}

interface Gone {
  readonly orders: number;
  readonly unpublished: number;
  readonly unheardOf: ReadonlySet<string>;
}

/** What the newer database had and the older one has not; and of that, what was in no message yet. */
async function lostBy(site: Site): Promise<Gone> {
  const url = new URL(site.shop.databases.orders.ownerUrl);
  url.pathname += '_lost';
  const lost = new pg.Client({ connectionString: url.href, connectionTimeoutMillis: 10_000 });
  await lost.connect();
  try {
    const streams = async (rows: Promise<{ stream: string }[]>) => new Set((await rows).map(({ stream }) => stream));
    const all = 'SELECT DISTINCT stream FROM events';
    const [then, now] = [
      await streams(lost.query<{ stream: string }>(all).then(({ rows }) => rows)),
      await streams(site.stores.sql('orders', all)),
    ];
    const gone = [...then].filter((stream) => !now.has(stream));
    const { rows } = await lost.query<{ key: string }>(
      `SELECT key FROM outbox WHERE payload::json ->> 'type' = 'orders.order-placed.v1'`,
    );
    const unheardOf = new Set(rows.map(({ key }) => key));
    return { orders: gone.length, unpublished: gone.filter((stream) => unheardOf.has(stream)).length, unheardOf };
  } finally {
    await lost.end();
  }
}

/** Money first, as the runbook says. Answers everything that was said. */
async function reconciled(site: Site, say: (line: string) => void): Promise<string[]> {
  const said: string[] = [];
  const { brokers, databases, urls, providerKey } = site.shop;
  const shop = () => ({ brokers, databases, urls, providerKey });
  for (const store of ['payments', 'orders']) {
    await eventsCommand(['reconcile', store, '--after-restore', '--accept'], {
      shop,
      say: (line) => void said.push(line),
    });
  }
  for (const line of said.filter((one) => one.startsWith('put back'))) say(line);
  return said;
}

/** Orders that a customer was told of and that are not there. */
async function missingOrders(site: Site): Promise<string[]> {
  const there = new Set(
    (await site.stores.sql<{ stream: string }>('orders', 'SELECT DISTINCT stream FROM events')).map(
      ({ stream }) => stream,
    ),
  );
  return (site.load?.journal ?? [])
    .flatMap((command) =>
      command.kind === 'place' && outcomeOf(command) === 'ok'
        ? (command.answers.find(({ order }) => order)?.order ?? [])
        : [],
    )
    .filter((order) => !there.has(order));
}
