import { mkdtempSync } from 'node:fs';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { wipeState } from '../state.ts';
import { breakable, startServers, type Servers } from './index.ts';
import { answers } from './postgres.ts';
import { redisAnswers } from './redis.ts';

describe('a server that is ours to break', () => {
  let servers: Servers;
  const lines: string[] = [];
  beforeAll(async () => {
    // The tests' own servers are not this one's business.
    vi.stubEnv('POSTGRES_URL', undefined);
    vi.stubEnv('REDIS_URL', undefined);
    const prepare = () => void lines.push('prepared');
    servers = await startServers({
      state: mkdtempSync('/var/tmp/ablation-broken-'),
      need: ['postgres', 'redis'],
      mode: 'native',
      say: () => {},
      prepare,
    });
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await servers.stop();
    wipeState(servers.state.folder);
  });

  it('is there no more when it is killed, and comes back at its address with what was committed', async () => {
    const url = servers.postgres.adminUrl;
    const query = async (sql: string) => {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      return (await client.query<{ n: number }>(sql).finally(() => client.end())).rows;
    };
    expect(lines).toEqual(['prepared']);
    await query('CREATE TABLE kept AS SELECT 7 AS n');
    const server = breakable(servers, 'postgres');
    expect(server.runs).toBe(true);
    await server.kill();
    expect(server.runs).toBe(false);
    await expect(answers(url)).rejects.toThrow('ECONNREFUSED');
    await server.start();
    expect(await query('SELECT n FROM kept')).toEqual([{ n: 7 }]);
  });

  it('is there and never answers while it is stopped, and then goes on; killed, it comes back at its address', async ({
    task,
    skip,
  }) => {
    const url = servers.redis?.url ?? '';
    if (url === '') {
      task.meta.needs = 'redis';
      skip('Redis could not be found, fetched or started here.');
    }
    const server = breakable(servers, 'redis');
    server.signal('SIGSTOP');
    await expect(redisAnswers(url)).rejects.toThrow('no answer');
    server.signal('SIGCONT');
    await redisAnswers(url);
    await server.kill();
    await expect(redisAnswers(url)).rejects.toThrow('ECONNREFUSED');
    await server.start();
    await redisAnswers(url);
  });

  it('is named where it is not ours', () =>
    expect(() => breakable(servers, 'kafka')).toThrow('kafka is not ours to kill: it comes from none.'));
});
