import { createServer, type AddressInfo, type Server } from 'node:net';
import { openBus } from '@shop/eventing';
import { Database, RedisConnection } from '@shop/platform';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { hostOf } from '../ports.ts';
import { brokerAnswers } from './kafka.ts';
import { answers } from './postgres.ts';
import { rabbitmqAnswers } from './rabbitmq.ts';
import { redisAnswers } from './redis.ts';
import { sqsAnswers } from './sqs.ts';
import { zipkinAnswers } from './zipkin.ts';

let door: Server;
let port: number;
/** How often somebody came to [::1]. */
let rings = 0;
beforeAll(async () => {
  door = createServer((socket) => {
    rings += 1;
    socket.on('error', () => {}).destroy();
  }).listen(0, '::1');
  await new Promise((listening) => door.once('listening', listening));
  ({ port } = door.address() as AddressInfo);
});
afterAll(() => door.close());

const log = { info() {}, warn() {}, error() {} };
const publishing = (KAFKA_CLIENT: 'platformatic' | 'kafkajs') => async (at: string) => {
  const bus = await openBus({ BUS: 'kafka', KAFKA_BROKERS: [at], KAFKA_CLIENT }, { clientId: 'spec', log });
  void bus.publish([{ topic: 'any', key: 'k', value: '{}', headers: {} }]).catch(() => {});
  await vi.waitFor(() => expect(rings).toBeGreaterThan(0), { timeout: 10_000 });
  await bus.close();
};

/** Each client of each setting that names a server. */
const clients: [string, string, (at: string) => Promise<unknown>][] = [
  ['POSTGRES_URL', 'postgres://somebody@[::1]:PORT/x', answers],
  [
    'DATABASE_URL',
    'postgres://somebody@[::1]:PORT/x',
    (url) => new Database(url, { size: 1, application: 'spec' }).query('SELECT 1'),
  ],
  ['KAFKA_BROKERS, looked at by the launcher', '[::1]:PORT', brokerAnswers],
  ['KAFKA_BROKERS by platformatic', '[::1]:PORT', publishing('platformatic')],
  ['KAFKA_BROKERS by kafkajs', '[::1]:PORT', publishing('kafkajs')],
  ['REDIS_URL, looked at by the launcher', 'redis://[::1]:PORT', redisAnswers],
  [
    'REDIS_URL',
    'redis://[::1]:PORT',
    async (url) => {
      const redis = new RedisConnection(url);
      redis.onModuleInit();
      await vi.waitFor(() => expect(rings).toBeGreaterThan(0), { timeout: 5_000 });
      redis.close();
    },
  ],
  ['RABBITMQ_URL', 'amqp://somebody:x@[::1]:PORT', rabbitmqAnswers],
  ['SQS_URL', 'http://[::1]:PORT', sqsAnswers],
  ['ZIPKIN_URL', 'http://[::1]:PORT', zipkinAnswers],
];

it.each(clients)('%s may name an IPv6 address: %s', async (_, at, client) => {
  rings = 0;
  await client(at.replace('PORT', String(port))).catch(() => {});
  expect(rings).toBeGreaterThan(0);
});

it('a socket is given the address without its brackets', () => {
  expect([hostOf(new URL('redis://[::1]:1')), hostOf(new URL('redis://here:1'))]).toEqual(['::1', 'here']);
});
