import { auth } from '@shop/auth';
import { catalog } from '@shop/catalog';
import { gateway } from '@shop/gateway';
import { provision, type DatabaseUrls } from '@shop/infra/databases';
import { choosePorts, environmentOf, serviceNames, urlOf, type ServiceName } from '@shop/infra/environment';
import { adminTotpOf } from '@shop/infra/secrets';
import { startServers, type Servers } from '@shop/infra/servers';
import type { State } from '@shop/infra/state';
import { notifications } from '@shop/notifications';
import { orders } from '@shop/orders';
import { payments } from '@shop/payments';
import { runService, type RunningService } from '@shop/platform';
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import pg from 'pg';

const state = fileURLToPath(new URL('../../.state-tests/security', import.meta.url));
/** Who tries everything is no stranger in a hurry: limits have specs of their own. */
const unhurried = { RATE_LIMITS: 'off', SHED_LOOP_DELAY_MS: '0' };
const definitions = { auth, catalog, gateway, notifications, orders, payments };

/** A whole shop in this process, on a real Postgres and the bus in memory: its routers can be asked what they route. */
export interface Shop {
  readonly services: Readonly<Record<ServiceName, RunningService>>;
  readonly issuer: string;
  readonly state: State;
  readonly operatorSecret: string;
  /** The key of the demo admin's authenticator app. */
  readonly adminTotp: string;
  /** Of the client `notifications`. */
  readonly serviceSecret: string;
  /** Rows of a service's database, as whoever owns it sees them. */
  sql<T extends object = Record<string, unknown>>(
    service: Exclude<ServiceName, 'gateway'>,
    text: string,
    values?: unknown[],
  ): Promise<T[]>;
  close(): Promise<void>;
}

export async function openShop(say: (line: string) => void): Promise<Shop> {
  const began = performance.now();
  const servers = await startServers({ state, need: ['postgres'], say: () => {} });
  try {
    const shop = await startAll(servers);
    say(`a shop is up, on a Postgres of its own (${((performance.now() - began) / 1_000).toFixed(1)} s)`);
    return shop;
  } catch (error) {
    await servers.stop();
    throw error;
  }
}

async function startAll(servers: Servers): Promise<Shop> {
  const { secret } = servers.state;
  const prefix = `s${randomBytes(3).toString('hex')}_`;
  const databases = await provision(servers.postgres.adminUrl, { prefix, secret });
  const places = await choosePorts({ ports: 'free', say: () => {} });
  const topology = {
    ...places,
    databases,
    secret,
    bus: { BUS: 'memory' } as const,
    redis: undefined,
    keyPrefix: prefix,
    traces: undefined,
  };
  const running = await Promise.all(
    serviceNames.map(
      async (name) =>
        [
          name,
          await runService(definitions[name], {
            ...environmentOf(name, 1, topology),
            ...unhurried,
            LOG_LEVEL: 'silent',
          }),
        ] as const,
    ),
  );
  const services = Object.fromEntries(running) as Record<ServiceName, RunningService>;
  return {
    services,
    state: servers.state,
    issuer: `${urlOf(places.ports.gateway[0] ?? 0)}/oidc`,
    operatorSecret: secret('operator client'),
    adminTotp: adminTotpOf(secret),
    serviceSecret: secret('notifications client'),
    sql: (service, text, values) => rows(databases[service], text, values),
    async close() {
      await Promise.all(Object.values(services).map((service) => service.close()));
      await drop(servers.postgres.adminUrl, prefix);
      await servers.stop();
    },
  };
}

async function rows<T extends object>({ ownerUrl }: DatabaseUrls, text: string, values: unknown[] = []): Promise<T[]> {
  return connected(ownerUrl, async (client) => (await client.query<T>(text, values)).rows);
}

/** On a server that is somebody's own nothing stays behind. */
async function drop(adminUrl: string, prefix: string): Promise<void> {
  await connected(adminUrl, async (client) => {
    const names = async (sql: string) =>
      (await client.query<{ name: string }>(sql, [prefix])).rows.map(({ name }) => name);
    for (const name of await names('SELECT datname AS name FROM pg_database WHERE starts_with(datname, $1)'))
      await client.query(`DROP DATABASE ${name} WITH (FORCE)`);
    for (const name of await names('SELECT rolname AS name FROM pg_roles WHERE starts_with(rolname, $1)'))
      await client.query(`DROP ROLE ${name}`);
  });
}

async function connected<T>(connectionString: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 10_000 });
  client.on('error', () => {}); // a server that goes away fails the query
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
