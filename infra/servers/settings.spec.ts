import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { properties } from './kafka.ts';
import { settings as postgres } from './postgres.ts';
import { settings as rabbitmq } from './rabbitmq.ts';
import { settings as redis } from './redis.ts';
import { settings as sqs } from './sqs.ts';

const compose = readFileSync(new URL('compose.yaml', import.meta.url), 'utf8');

describe('native servers', () => {
  it('listen on loopback only', () => {
    expect(postgres(5)).toContain('listen_addresses=127.0.0.1');
    expect(redis(5).join(' ')).toContain('--bind 127.0.0.1');
    expect(rabbitmq(5, 'secret')).toContain('listeners.tcp.1 = 127.0.0.1:5\n');
    expect(sqs(5)).toContain('bind-hostname = "127.0.0.1"');
    const kafka = properties(5, 6);
    expect(kafka.match(/\/\/[^:]+/g)?.every((host) => host === '//127.0.0.1')).toBe(true);
  });

  it('tell no lie about durability', () => {
    expect(postgres(5)).toEqual(expect.arrayContaining(['fsync=on', 'synchronous_commit=on']));
    expect(sqs(5)).toMatch(/messages-storage \{ enabled = true, .*WRITE_DELAY=0/);
  });

  it('make no topic by a typing error', () => {
    expect(properties(5, 6)).toContain('\nauto.create.topics.enable=false\n');
    expect(compose).toContain("KAFKA_AUTO_CREATE_TOPICS_ENABLE: 'false'");
  });
});

describe('compose.yaml', () => {
  it('has the same servers, each pinned, checked for health, and published on loopback only', () => {
    const images = [
      'postgres:18',
      'apache/kafka:4.3.1',
      'redis:7.2-alpine',
      'rabbitmq:3.13-alpine',
      'softwaremill/elasticmq:1.7.1',
      'openzipkin/zipkin-slim:3.5.1',
    ];
    expect(compose.match(/image: \S+/g)).toEqual(images.map((image) => `image: ${image}`));
    expect(compose.match(/ {4}healthcheck:/g)).toHaveLength(6);
    expect(compose.match(/ports: \['127\.0\.0\.1:/g)).toHaveLength(6);
  });

  it('starts the other brokers, and what keeps traces, only for who asks for them', () => {
    expect(compose.match(/ {4}profiles: .*/g)).toEqual([
      ' '.repeat(4) + 'profiles: [rabbitmq]',
      ' '.repeat(4) + 'profiles: [sqs]',
      ' '.repeat(4) + 'profiles: [traces]',
    ]);
  });
});
