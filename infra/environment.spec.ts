import { describe, expect, it } from 'vitest';
import { choosePorts, environmentOf, serviceNames, type Topology } from './environment.ts';

const database = (name: string) => ({
  url: `postgres://${name}@here/${name}`,
  ownerUrl: `postgres://${name}_owner@here/${name}`,
});
const topology: Topology = {
  ports: {
    gateway: [3000, 3100],
    auth: [3001, 3101],
    catalog: [3002, 3102],
    orders: [3003, 3103],
    payments: [3004, 3104],
    notifications: [3005, 3105],
  },
  outside: { provider: 3010, mail: 3011, smtp: 3012 },
  databases: {
    auth: database('auth'),
    catalog: database('catalog'),
    orders: database('orders'),
    payments: database('payments'),
    notifications: database('notifications'),
  },
  bus: { BUS: 'kafka', KAFKA_BROKERS: 'here:9092' },
  redis: 'redis://here',
  traces: undefined,
  metrics: undefined,
  keyPrefix: 'shop:',
  secret: (name) => `secret of ${name}`,
};

describe('the environment of an instance', () => {
  it('has its own database as the role that can change no table, and no other', () => {
    for (const name of serviceNames) {
      const values = Object.values(environmentOf(name, 1, topology)).filter((value) => value.startsWith('postgres:'));
      expect(values).toEqual(name === 'gateway' ? [] : [database(name).url]);
    }
  });

  it('names every instance of what it calls', () => {
    expect(environmentOf('gateway', 1, topology)).toMatchObject({
      ORDERS_URLS: 'http://127.0.0.1:3003,http://127.0.0.1:3103',
    });
  });

  it('has a port of its own, and the issuer that all share', () => {
    expect(environmentOf('orders', 2, topology)).toMatchObject({
      PORT: '3103',
      INSTANCE: '2',
      ISSUER: 'http://127.0.0.1:3000/oidc',
    });
  });

  it('sends its traces and shows its metrics where somebody takes them, and else nowhere', () => {
    const names = (one: Topology) =>
      Object.keys(environmentOf('orders', 2, one)).filter((key) => key.startsWith('OTEL_'));
    expect(names(topology)).toEqual([]);
    const metrics = { ...topology.ports, orders: [7000, 7001] };
    expect(environmentOf('orders', 2, { ...topology, traces: 'http://zipkin', metrics })).toMatchObject({
      OTEL_TRACES_EXPORTER: 'zipkin',
      OTEL_EXPORTER_ZIPKIN_ENDPOINT: 'http://zipkin/api/v2/spans',
      OTEL_METRICS_EXPORTER: 'prometheus',
      OTEL_EXPORTER_PROMETHEUS_PORT: '7001',
    });
  });

  it('gives a secret to both ends and to nobody else', () => {
    const knowing = serviceNames.filter((name) =>
      Object.values(environmentOf(name, 1, topology)).includes('secret of notifications client'),
    );
    expect(knowing).toEqual(['auth', 'notifications']);
  });

  it('names the bus to who speaks on it, and no cache where there is none', () => {
    const alone = environmentOf('catalog', 1, {
      ...topology,
      bus: { BUS: 'rabbitmq', RABBITMQ_URL: 'amqp://here' },
      redis: undefined,
    });
    expect(alone).toMatchObject({ BUS: 'rabbitmq', RABBITMQ_URL: 'amqp://here' });
    expect(alone).not.toHaveProperty('KAFKA_BROKERS');
    expect(alone).not.toHaveProperty('REDIS_URL');
    expect(environmentOf('gateway', 1, topology)).not.toHaveProperty('BUS');
  });
});

describe('ports', () => {
  it('are one for each instance of each service and for the outside world, all different', async () => {
    const { ports, outside } = await choosePorts({ ports: 'free', instances: 2, say: () => {} });
    const all = [...Object.values(ports).flat(), ...Object.values(outside)];
    expect(all).toHaveLength(15);
    expect(new Set(all).size).toBe(15);
  });
});
