import { fileURLToPath } from 'node:url';
import type { BusEnvironment } from './bus.ts';
import { freePorts } from './ports.ts';
import type { DatabaseName, DatabaseUrls } from './databases.ts';
import { adminTotpOf } from './secrets.ts';
import { ownEnvironment } from './shell-environment.mjs';

export { ownEnvironment } from './shell-environment.mjs';

/** Every service with the port of its first instance; instance n listens 100 · (n − 1) above it. */
export const services = {
  gateway: 3000,
  auth: 3001,
  catalog: 3002,
  orders: 3003,
  payments: 3004,
  notifications: 3005,
} as const;
export type ServiceName = keyof typeof services;
export const serviceNames = Object.keys(services) as ServiceName[];

/** The outside world, simulated: the payment provider, and the mail catcher's web page and SMTP. */
export const outside = { provider: 3010, mail: 3011, smtp: 3012 } as const;
export type OutsideName = keyof typeof outside;

/** What is switched on; whoever runs the shop edits it while it runs (docs/feature-flags.md). */
export const flagsFile = fileURLToPath(new URL('flags/shop.json', import.meta.url));

/** Everything that a service may be told. */
export interface Topology {
  /** Ports of each service's instances, the first instance first. */
  ports: Record<ServiceName, number[]>;
  outside: Record<OutsideName, number>;
  databases: Record<DatabaseName, DatabaseUrls>;
  bus: BusEnvironment;
  redis: string | undefined;
  /** Zipkin. */
  traces: string | undefined;
  /** Where the metrics of each service's instances are fetched from, where somebody does. */
  metrics: Record<ServiceName, number[]> | undefined;
  /** Set before every key in Redis, so that several shops can share one. */
  keyPrefix: string;
  secret: (name: string) => string;
}

/** Everything listens on loopback only. */
export const urlOf = (port: number, scheme = 'http') => `${scheme}://127.0.0.1:${port}`;

/** The whole environment of one instance: what its configuration reads, and nothing that is another's. */
export function environmentOf(service: ServiceName, instance: number, topology: Topology): Record<string, string> {
  const { ports, databases, bus, redis, keyPrefix, secret } = topology;
  const urls = (name: ServiceName) => ports[name].map((port) => urlOf(port)).join(',');
  const cache: Record<string, string> =
    redis === undefined
      ? {}
      : {
          REDIS_URL: redis,
          REDIS_KEY_PREFIX: keyPrefix,
          ...(redis.startsWith('rediss:') && given('REDIS_CA_FILE', 'REDIS_CERT_FILE', 'REDIS_KEY_FILE')),
        };
  const data = (name: DatabaseName) => ({ DATABASE_URL: databases[name].url });
  const outbox = (name: DatabaseName): Record<string, string> => {
    const { replicationUrl } = databases[name];
    return replicationUrl === undefined ? {} : { OUTBOX_DRIVER: 'wal', REPLICATION_URL: replicationUrl };
  };
  const own: Record<ServiceName, () => Record<string, string>> = {
    gateway: () => ({
      ...cache,
      AUTH_URLS: urls('auth'),
      CATALOG_URLS: urls('catalog'),
      ORDERS_URLS: urls('orders'),
      NOTIFICATIONS_URLS: urls('notifications'),
      // For people who try it out; a deployment executes what is listed.
      GRAPH_OPERATIONS: 'any',
    }),
    auth: () => ({
      ...data('auth'),
      TRUST_PROXY: '127.0.0.1',
      COOKIE_KEYS: secret('cookies'),
      FACTOR_KEYS: secret('factors'),
      NOTIFICATIONS_CLIENT_SECRET: secret('notifications client'),
      OPERATOR_CLIENT_SECRET: secret('operator client'),
      SEED_DEMO: 'true',
      DEMO_ADMIN_TOTP_SECRET: adminTotpOf(secret),
    }),
    catalog: () => ({ ...data('catalog'), ...outbox('catalog'), ...bus, ...cache, SEED_DEMO: 'true' }),
    orders: () => ({ ...data('orders'), ...outbox('orders'), ...bus, FLAGS_FILE: flagsFile }),
    payments: () => ({
      ...data('payments'),
      ...outbox('payments'),
      ...bus,
      PROVIDER_URL: urlOf(topology.outside.provider),
      PROVIDER_KEY: secret('provider key'),
    }),
    notifications: () => ({
      ...data('notifications'),
      ...bus,
      AUTH_URLS: urls('auth'),
      SMTP_URL: urlOf(topology.outside.smtp, 'smtp'),
      CLIENT_SECRET: secret('notifications client'),
    }),
  };
  return {
    PORT: String(ports[service][instance - 1]),
    HOST: '127.0.0.1',
    INSTANCE: String(instance),
    ...given('LOG_LEVEL', 'RATE_LIMITS', 'SHED_LOOP_DELAY_MS', 'MAX_CONNECTIONS'),
    ISSUER: `${urlOf(ports.gateway[0]!)}/oidc`,
    JWKS_URL: ports.auth.map((port) => `${urlOf(port)}/oidc/jwks`).join(','),
    ...telemetryOf(service, instance, topology),
    ...own[service](),
  };
}

/** What whoever starts the shop may say for all its services: `RATE_LIMITS=off npm start`, before a load test. */
function given(...names: string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}

/** Where an instance's traces and metrics go: nowhere unless somebody is there to take them. */
function telemetryOf(service: ServiceName, instance: number, { traces, metrics }: Topology): Record<string, string> {
  return {
    ...(traces !== undefined && {
      OTEL_TRACES_EXPORTER: 'zipkin',
      OTEL_EXPORTER_ZIPKIN_ENDPOINT: `${traces}/api/v2/spans`,
    }),
    ...(metrics !== undefined && {
      OTEL_METRICS_EXPORTER: 'prometheus',
      OTEL_EXPORTER_PROMETHEUS_PORT: String(metrics[service][instance - 1]),
    }),
  };
}

/**
 * What a process needs of the machine, and where whoever starts it wants its telemetry; everything else it is told
 * explicitly.
 */
export const inherited = (): Record<string, string> => ({
  ...ownEnvironment(),
  ...given(...Object.keys(process.env).filter((name) => name.startsWith('OTEL_'))),
});

export interface PortOptions {
  /** 'fixed': the ports people know, where they are free; 'free': any. */
  ports: 'fixed' | 'free';
  instances?: number;
  /** Somebody fetches metrics. */
  measured?: boolean;
  say: (line: string) => void;
}

/** Busy ports are replaced by others, and said. */
export async function choosePorts({
  ports: kind,
  instances = 1,
  measured = false,
  say,
}: PortOptions): Promise<Pick<Topology, 'ports' | 'outside' | 'metrics'>> {
  const wishes = [
    ...serviceNames.flatMap((name) =>
      Array.from({ length: instances }, (_, index) => ({
        name: `${name}-${index + 1}`,
        port: services[name] + 100 * index,
      })),
    ),
    ...Object.entries(outside).map(([name, port]) => ({ name, port })),
  ];
  const found = await freePorts(wishes.map(({ port }) => (kind === 'fixed' ? port : 0)));
  for (const [index, { name, port }] of wishes.entries()) {
    if (kind === 'fixed' && found[index] !== port) say(`Port ${port} is in use: ${name} listens on ${found[index]}`);
  }
  const ports = Object.fromEntries(serviceNames.map((name) => [name, found.splice(0, instances)])) as Topology['ports'];
  const [provider, mail, smtp] = found as [number, number, number];
  return { ports, outside: { provider, mail, smtp }, metrics: measured ? await metricsPorts(instances) : undefined };
}

async function metricsPorts(instances: number): Promise<Record<ServiceName, number[]>> {
  const found = await freePorts(Array.from({ length: serviceNames.length * instances }, () => 0));
  return Object.fromEntries(serviceNames.map((name) => [name, found.splice(0, instances)])) as Record<
    ServiceName,
    number[]
  >;
}
