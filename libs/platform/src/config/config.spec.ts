import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { Config, ConfigError } from './config.ts';
import { busSettings, databaseSettings, httpUrls, outboxSettings } from './settings.ts';

class OrdersConfig extends Config(
  z.object({ ...databaseSettings, ...busSettings, ...outboxSettings, CATALOG_URLS: httpUrls }),
) {}

const complete = {
  ISSUER: 'http://127.0.0.1:3000/oidc/',
  JWKS_URL: 'http://127.0.0.1:3001/oidc/jwks',
  DATABASE_URL: 'postgres://orders:hunter2@127.0.0.1:5432/orders',
  KAFKA_BROKERS: '127.0.0.1:9092, 127.0.0.1:9093',
  CATALOG_URLS: 'http://127.0.0.1:3002,http://127.0.0.1:3102',
};

const faultsOf = (env: NodeJS.ProcessEnv): string => {
  try {
    OrdersConfig.parse(env);
    return '';
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
};

describe('the configuration of a service', () => {
  it('is typed values with defaults, an instance of its class', () => {
    const config = OrdersConfig.parse({ ...complete, PORT: '3003' });
    expect(config).toBeInstanceOf(OrdersConfig);
    expect(config).toMatchObject({
      PORT: 3003,
      HOST: '127.0.0.1',
      INSTANCE: '1',
      LOG_LEVEL: 'info',
      DATABASE_POOL_SIZE: 10,
      BUS: 'kafka',
    });
    expect(config.KAFKA_BROKERS).toEqual(['127.0.0.1:9092', '127.0.0.1:9093']);
    expect(config.CATALOG_URLS).toEqual(['http://127.0.0.1:3002', 'http://127.0.0.1:3102']);
    expect(config.ISSUER).toBe('http://127.0.0.1:3000/oidc');
  });

  it('takes a word in any case, as OpenTelemetry has it', () => {
    expect(OrdersConfig.parse({ ...complete, LOG_LEVEL: 'DEBUG', OTEL_TRACES_EXPORTER: 'OTLP' })).toMatchObject({
      LOG_LEVEL: 'debug',
      OTEL_TRACES_EXPORTER: 'otlp',
    });
  });

  it('cannot be changed once read', () => {
    const config = OrdersConfig.parse(complete);
    expect(() => Object.assign(config, { PORT: 1 })).toThrow(TypeError);
  });

  it('holds nothing of the environment that it does not name', () => {
    expect(Object.keys(OrdersConfig.parse({ ...complete, AWS_SECRET: 'x' }))).not.toContain('AWS_SECRET');
  });

  it('names every key that is missing or wrong at once, an empty one being missing', () => {
    const faults = faultsOf({ ...complete, DATABASE_URL: '', PORT: 'http', CATALOG_URLS: undefined });
    expect(faults).toContain('DATABASE_URL is missing');
    expect(faults).toContain('CATALOG_URLS is missing');
    expect(faults).toMatch(/PORT: /);
  });

  it('never shows a value', () => {
    const faults = faultsOf({
      ...complete,
      DATABASE_URL: 'mysql://orders:hunter2@db',
      CATALOG_URLS: 'ftp://hunter2',
      LOG_LEVEL: 'hunter2',
    });
    expect(faults).toContain('DATABASE_URL: must be a postgres URL');
    expect(faults).not.toContain('hunter2');
  });

  it('wants to know where the broker is, and nothing for the bus in memory', () => {
    expect(faultsOf({ ...complete, KAFKA_BROKERS: undefined })).toContain('KAFKA_BROKERS is missing');
    expect(faultsOf({ ...complete, BUS: 'rabbitmq' })).toContain('RABBITMQ_URL is missing');
    expect(faultsOf({ ...complete, BUS: 'rabbitmq', RABBITMQ_URL: 'amqp://shop:hunter2@here' })).toBe('');
    expect(faultsOf({ ...complete, BUS: 'sqs' })).toContain('SQS_URL is missing');
    expect(faultsOf({ ...complete, KAFKA_BROKERS: undefined, BUS: 'memory' })).toBe('');
  });

  it.each([
    [
      { KAFKA_SECURITY_PROTOCOL: 'SASL_SSL', KAFKA_SASL_USERNAME: 'shop' },
      'KAFKA_SASL_MECHANISM is missing; KAFKA_SASL_PASSWORD is missing',
    ],
    [
      {
        KAFKA_SECURITY_PROTOCOL: 'SASL_PLAINTEXT',
        KAFKA_SASL_MECHANISM: 'plain',
        KAFKA_SASL_USERNAME: 'shop',
        KAFKA_SASL_PASSWORD: 'x',
      },
      'PLAIN would send the password as it is',
    ],
    [{ KAFKA_SECURITY_PROTOCOL: 'SSL', KAFKA_CERT_FILE: '/cert.pem' }, 'KAFKA_KEY_FILE is missing'],
    [{ KAFKA_CA_FILE: '/ca.pem' }, 'KAFKA_CA_FILE is of use with SSL and SASL_SSL only'],
    [{ KAFKA_SASL_PASSWORD: 'hunter2' }, 'KAFKA_SASL_PASSWORD is of use with SASL_SSL only'],
    [
      {
        KAFKA_SECURITY_PROTOCOL: 'sasl_ssl',
        KAFKA_SASL_MECHANISM: 'scram-sha-512',
        KAFKA_SASL_USERNAME: 'shop',
        KAFKA_SASL_PASSWORD: 'hunter2',
      },
      '',
    ],
  ])('takes nothing for safe that would not be: %o', (env, fault) => {
    if (fault === '') expect(faultsOf({ ...complete, ...env })).toBe('');
    else expect(faultsOf({ ...complete, ...env })).toContain(fault);
  });

  it('wants a way to replicate for the outbox in the log, and none for the table', () => {
    expect(faultsOf({ ...complete, OUTBOX_DRIVER: 'wal' })).toContain('REPLICATION_URL is missing');
    expect(faultsOf({ ...complete, OUTBOX_DRIVER: 'wal', REPLICATION_URL: complete.DATABASE_URL })).toBe('');
  });
});
