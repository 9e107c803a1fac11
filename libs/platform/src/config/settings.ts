import { z } from 'zod';
import { addressesOf } from '../data/primary.ts';

/** One of these words, in any case. */
const oneOf = <const T extends readonly string[]>(...words: T) => z.string().toLowerCase().pipe(z.enum(words));
const integer = (min: number, max: number) => z.coerce.number().int().min(min).max(max);
const commaList = z.string().transform((list) =>
  list
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== ''),
);

const isOrigin = (text: string) => URL.canParse(text) && new URL(text).origin === text;

/** One absolute http or https URL, without a slash at its end. */
export const httpUrl = z
  .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
  .transform((url) => url.replace(/\/+$/, ''));

/** A comma list of at least one such URL, one per instance. */
export const httpUrls = commaList.pipe(z.array(httpUrl).min(1));

/**
 * Where telemetry goes; the names and their meaning are OpenTelemetry's own. Nowhere by default: then nothing is
 * recorded, and its code is not loaded.
 */
const telemetrySettings = {
  /** Whose telemetry it is; the service's name by default. */
  OTEL_SERVICE_NAME: z.string().min(1).optional(),
  OTEL_TRACES_EXPORTER: oneOf('none', 'otlp', 'zipkin').default('none'),
  /** Which share of traces is kept, decided at the edge for the whole of each. */
  OTEL_TRACES_SAMPLER_ARG: z.coerce.number().min(0).max(1).default(1),
  OTEL_METRICS_EXPORTER: oneOf('none', 'otlp', 'prometheus').default('none'),
  /** Lines of the log go to stdout in any case. */
  OTEL_LOGS_EXPORTER: oneOf('none', 'otlp').default('none'),
  /** A collector that takes OTLP over HTTP. */
  OTEL_EXPORTER_OTLP_ENDPOINT: httpUrl.default('http://127.0.0.1:4318'),
  OTEL_EXPORTER_ZIPKIN_ENDPOINT: httpUrl.default('http://127.0.0.1:9411/api/v2/spans'),
  /**
   * Where Prometheus fetches metrics from (/metrics): an address of its own, since a public service must not show them.
   */
  OTEL_EXPORTER_PROMETHEUS_HOST: z.string().default('127.0.0.1'),
  OTEL_EXPORTER_PROMETHEUS_PORT: integer(0, 65_535).default(9_464),
  /** Milliseconds between two reports of metrics by OTLP. */
  OTEL_METRIC_EXPORT_INTERVAL: integer(100, 600_000).default(15_000),
} satisfies z.ZodRawShape;

export type TelemetrySettings = z.output<z.ZodObject<typeof telemetrySettings>>;

/** What every service has; `Config` adds it by itself. */
export const serverSettings = {
  ...telemetrySettings,
  /** 0: any free port. */
  PORT: integer(0, 65_535).default(0),
  HOST: z.string().default('127.0.0.1'),
  /** Which of several instances of a service this is: a number, or what its pod is called; shown in each log line. */
  INSTANCE: z
    .string()
    .regex(/^[\w.-]{1,63}$/, 'must be a number or a name')
    .default('1'),
  /** With `production` what is only for trying out is refused (production.ts). */
  NODE_ENV: z.string().default('development'),
  LOG_LEVEL: oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent').default('info'),
  /** Who issues access tokens, as the world knows it: `iss` of every token. */
  ISSUER: httpUrl,
  /** Where its public keys are fetched from, inside: an address for each instance. */
  JWKS_URL: httpUrls,
  /** Addresses or CIDR ranges of proxies whose X-Forwarded-* headers are believed; none by default. */
  TRUST_PROXY: commaList.default([]),
  /**
   * Origins of other sites whose pages may call a service that is public, as `https://shop.example`; none by default.
   */
  CORS_ORIGINS: commaList
    .pipe(z.array(z.string().refine(isOrigin, 'must be origins, as https://shop.example')))
    .default([]),
  /**
   * Names by which a service that is public may be asked, beside its issuer's and loopback: a comma list, without
   * ports. A Host of another name is 421.
   */
  PUBLIC_HOSTS: commaList
    .pipe(z.array(z.string().regex(/^[\w.-]+$|^\[[\da-f:]+\]$/i, 'must be names, as shop.example')))
    .default([]),
  /** How long one request may take in all, in ms, unless its caller gave it less. */
  REQUEST_BUDGET_MS: integer(100, 60_000).default(5_000),
  /** Connections at most; from one address half of them, where no proxy stands in front. */
  MAX_CONNECTIONS: integer(2, 100_000).default(4_096),
  /** How late the event loop may be, in ms, before new requests are turned away; 0: however late. */
  SHED_LOOP_DELAY_MS: integer(0, 60_000).default(150),
  /** How long to serve on after readiness has gone, in ms: as long as load balancers need to notice. */
  SHUTDOWN_DELAY_MS: integer(0, 20_000).default(0),
} satisfies z.ZodRawShape;

export type ServerSettings = z.output<z.ZodObject<typeof serverSettings>>;

function isPostgresUrl(text: string): boolean {
  try {
    return addressesOf(text).urls.length > 0;
  } catch {
    return false;
  }
}

/** As libpq reads it: `postgres://user:password@host-1,host-2:5433/name?target_session_attrs=read-write`. */
const postgresUrl = z
  .string()
  .refine(isPostgresUrl, 'must be a postgres URL; target_session_attrs may be any, read-write or primary');

/** For a service with a database: its own database, under its runtime role, which has no DDL rights. */
export const databaseSettings = {
  /**
   * One host, or several of which one takes writes. With TLS: ?sslmode=verify-full&sslrootcert=…&sslcert=…&sslkey=…,
   * files (PEM).
   */
  DATABASE_URL: postgresUrl,
  DATABASE_POOL_SIZE: integer(1, 200).default(10),
} satisfies z.ZodRawShape;

/** For a service that uses Redis, where there is one; nothing needs it to be correct. */
export const redisSettings = {
  REDIS_URL: z.url({ protocol: /^rediss?$/, error: 'must be a redis URL' }).optional(),
  /**
   * For rediss://, files (PEM): who signs its certificate (the system's authorities by default), and our own
   * certificate and key, where it asks for one.
   */
  REDIS_CA_FILE: z.string().optional(),
  REDIS_CERT_FILE: z.string().optional(),
  REDIS_KEY_FILE: z.string().optional(),
  /** Set before every key, so that several shops can share one server. */
  REDIS_KEY_PREFIX: z.string().max(64).default('shop:'),
} satisfies z.ZodRawShape;

/** For a service that sends or takes messages. */
export const busSettings = {
  BUS: z.enum(['kafka', 'rabbitmq', 'sqs', 'memory']).default('kafka'),
  /** A comma list of host:port; required when BUS is kafka. */
  KAFKA_BROKERS: commaList.default([]),
  /** Which client speaks to Kafka (docs/adr/0005). */
  KAFKA_CLIENT: z.enum(['platformatic', 'kafkajs']).default('platformatic'),
  /** How brokers are spoken to where no mesh encrypts, in Kafka's own words; certificates are files (PEM). */
  KAFKA_SECURITY_PROTOCOL: z
    .string()
    .toUpperCase()
    .pipe(z.enum(['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL']))
    .default('PLAINTEXT'),
  /** Who signs the brokers' certificates; the system's authorities by default. */
  KAFKA_CA_FILE: z.string().optional(),
  /** Our own certificate and its key, where brokers ask for one. */
  KAFKA_CERT_FILE: z.string().optional(),
  KAFKA_KEY_FILE: z.string().optional(),
  KAFKA_SASL_MECHANISM: z
    .string()
    .toUpperCase()
    .pipe(z.enum(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']))
    .optional(),
  KAFKA_SASL_USERNAME: z.string().optional(),
  KAFKA_SASL_PASSWORD: z.string().optional(),
  /** amqp://user:password@host:port; required when BUS is rabbitmq. */
  RABBITMQ_URL: z.url({ protocol: /^amqps?$/, error: 'must be an amqp URL' }).optional(),
  /**
   * https://sqs.<region>.amazonaws.com, or an emulator, with key id and secret as its user and password where the SDK
   * finds none; required when BUS is sqs.
   */
  SQS_URL: httpUrl.optional(),
  /** Where tests arm the kills of eventing's fail-points; never set in an ordinary run. */
  FAIL_POINTS_DIR: z.string().optional(),
} satisfies z.ZodRawShape;

/** For a service that has an outbox (docs/adr/0015). */
export const outboxSettings = {
  /** How its messages are left and found: all instances of a service the same. */
  OUTBOX_DRIVER: z.enum(['queue', 'wal']).default('queue'),
  /**
   * The same database under the same role, past a pooler where DATABASE_URL leads to one: the relay lives in sessions.
   */
  DATABASE_DIRECT_URL: databaseSettings.DATABASE_URL.optional(),
  /** For wal: the same database, directly, under a role that may replicate. */
  REPLICATION_URL: databaseSettings.DATABASE_URL.optional(),
} satisfies z.ZodRawShape;

/** For a service that does something only for some, or that can be switched off while it runs. */
export const flagSettings = {
  /** Feature flags as flagd defines them; without a file nothing is on. */
  FLAGS_FILE: z.string().optional(),
} satisfies z.ZodRawShape;

/** What only several keys together can say. */
export function incomplete(values: Record<string, unknown>): string[] {
  const place = { kafka: 'KAFKA_BROKERS', rabbitmq: 'RABBITMQ_URL', sqs: 'SQS_URL' }[String(values.BUS)];
  const value = place && values[place];
  const missing = place && (value === undefined || (Array.isArray(value) && value.length === 0));
  return [
    ...(missing ? [`${place} is missing (or set BUS=memory)`] : []),
    ...half(values, 'KAFKA_CERT_FILE', 'KAFKA_KEY_FILE'),
    ...half(values, 'REDIS_CERT_FILE', 'REDIS_KEY_FILE'),
    ...unsafe(values),
    ...(values.OUTBOX_DRIVER === 'wal' && values.REPLICATION_URL === undefined
      ? ['REPLICATION_URL is missing (or set OUTBOX_DRIVER=queue)']
      : []),
  ];
}

/** A certificate is of no use without its key, nor a key without its certificate. */
function half(values: Record<string, unknown>, ...pair: [string, string]): string[] {
  const missing = pair.filter((name) => values[name] === undefined);
  return missing.length === 1 ? [`${missing[0]} is missing`] : [];
}

/** What was said about the safety of the way to Kafka or Redis, and would not come true. */
function unsafe(values: Record<string, unknown>): string[] {
  const {
    KAFKA_SECURITY_PROTOCOL: protocol = 'PLAINTEXT',
    KAFKA_SASL_MECHANISM: mechanism,
    REDIS_URL: redis = '',
  } = values as Record<string, string | undefined>;
  const [tls, sasl] = [protocol.endsWith('SSL'), protocol.startsWith('SASL_')];
  const given = (...names: string[]) => names.filter((name) => values[name] !== undefined);
  const needed = ['KAFKA_SASL_MECHANISM', 'KAFKA_SASL_USERNAME', 'KAFKA_SASL_PASSWORD'];
  return [
    ...(sasl
      ? needed.filter((name) => values[name] === undefined).map((name) => `${name} is missing`)
      : given(...needed).map((name) => `${name} is of use with SASL_SSL only`)),
    ...(tls
      ? []
      : given('KAFKA_CA_FILE', 'KAFKA_CERT_FILE').map((name) => `${name} is of use with SSL and SASL_SSL only`)),
    ...(mechanism === 'PLAIN' && sasl && !tls
      ? ['KAFKA_SASL_MECHANISM: PLAIN would send the password as it is: use SASL_SSL']
      : []),
    ...(redis.startsWith('rediss:')
      ? []
      : given('REDIS_CA_FILE', 'REDIS_CERT_FILE').map((name) => `${name} is of use with rediss:// only`)),
  ];
}
