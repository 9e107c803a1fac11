import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { properties } from './kafka.ts';
import { settings as postgres } from './postgres.ts';
import { settings as redis } from './redis.ts';

const compose = readFileSync(new URL('../../docker-compose.yml', import.meta.url), 'utf8');

describe('native servers', () => {
  it('listen on loopback only', () => {
    expect(postgres(5)).toContain('listen_addresses=127.0.0.1');
    expect(redis(5).join(' ')).toContain('--bind 127.0.0.1');
    const kafka = properties('/somewhere', 5, 6);
    expect(kafka.match(/\/\/[^:]+/g)?.every((host) => host === '//127.0.0.1')).toBe(true);
  });

  it('tell no lie about durability', () => {
    expect(postgres(5)).toEqual(expect.arrayContaining(['fsync=on', 'synchronous_commit=on']));
  });

  it('make no topic by a typing error', () => {
    expect(properties('/somewhere', 5, 6)).toContain('\nauto.create.topics.enable=false\n');
    expect(compose).toContain("KAFKA_AUTO_CREATE_TOPICS_ENABLE: 'false'");
  });
});

describe('docker-compose.yml', () => {
  it('has the same three servers, each pinned, checked for health, and published on loopback only', () => {
    expect(compose.match(/image: \S+/g)).toEqual(['image: postgres:18', 'image: apache/kafka:4.3.1', 'image: redis:7.2-alpine']);
    expect(compose.match(/ {4}healthcheck:/g)).toHaveLength(3);
    expect(compose.match(/ports: \['127\.0\.0\.1:/g)).toHaveLength(3);
  });
});
