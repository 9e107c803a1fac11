import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisConnection } from './redis-connection.ts';
import { RedisUnavailable } from './redis-refusals.ts';

/** A Redis that greets like one, and says this to everything else; nothing where it is empty. */
let answer = '';
let asked = 0;
let connections = 0;
let silent: Server;
beforeAll(async () => {
  silent = createServer((socket) => {
    connections++;
    socket.on('error', () => {});
    socket.on('data', (data) => reply(socket, data.toString()));
  });
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
});
afterAll(() => void silent.close());

function reply(socket: Socket, data: string): void {
  for (const [, name = ''] of data.matchAll(/\*\d+\r\n\$\d+\r\n(\w+)/g)) {
    const command = name.toLowerCase();
    if (command === 'get') asked++;
    if (command === 'info') socket.write('$7\r\nloading\r\n');
    else if (command === 'client') socket.write('+OK\r\n');
    else socket.write(answer);
  }
}

const urlOfSilent = () => `redis://127.0.0.1:${(silent.address() as AddressInfo).port}`;
const read = (redis: RedisConnection) => redis.use((client) => client.get('key'));

async function connected(url: string): Promise<RedisConnection> {
  const redis = new RedisConnection(url);
  redis.onModuleInit();
  await expect.poll(() => redis.available, { timeout: 10_000 }).toBe(true);
  return redis;
}

describe('a Redis that is not there', () => {
  it.each([
    ['because nobody configured one', undefined],
    ['because nobody listens', 'redis://127.0.0.1:1'],
  ])('%s is said to be unavailable, at once', async (_why, url) => {
    const redis = new RedisConnection(url);
    redis.onModuleInit();
    for (let time = 0; time < 50; time++) await expect(read(redis)).rejects.toBeInstanceOf(RedisUnavailable);
    expect(redis.configured).toBe(url !== undefined);
    redis.close();
  });
});

describe('a Redis that is silent', () => {
  it('is left alone after three commands, and used again when it answers', async () => {
    answer = '';
    asked = 0;
    const redis = await connected(urlOfSilent());
    for (let time = 0; time < 200; time++) await expect(read(redis)).rejects.toBeInstanceOf(RedisUnavailable);
    // Those that join a pipeline which waits for its answer are not even written.
    expect(asked).toBeLessThanOrEqual(3);
    answer = '+OK\r\n';
    await expect.poll(() => read(redis).catch(() => undefined), { timeout: 20_000 }).toBe('OK');
    redis.close();
  });

  it('holds nobody for longer than a command may take, however many ask at once', async () => {
    answer = '';
    const redis = await connected(urlOfSilent());
    const all = await Promise.allSettled(Array.from({ length: 500 }, () => read(redis)));
    expect(all.every(({ status }) => status === 'rejected')).toBe(true);
    expect(redis.available).toBe(false);
    redis.close();
  });
});

describe('a Redis that takes no writes', () => {
  it('is looked for again at its address, once, and its reads are used meanwhile', async () => {
    answer = "-READONLY You can't write against a read only replica.\r\n";
    const redis = await connected(urlOfSilent());
    connections = 0;
    await expect(redis.use((client) => client.set('key', '1'))).rejects.toBeInstanceOf(RedisUnavailable);
    await expect.poll(() => redis.available && connections, { timeout: 10_000 }).toBe(1);
    await expect(redis.use((client) => client.set('key', '1'))).rejects.toBeInstanceOf(RedisUnavailable);
    answer = '+OK\r\n';
    expect([await read(redis), connections]).toEqual(['OK', 1]);
    redis.close();
  });
});

describe('a Redis that refuses everything', () => {
  it('is told of at once, then once a second at most, and in words that quote no command', async () => {
    answer = "-ERR unknown command 'get', with args beginning with: 'limit:customer-1'\r\n";
    const lines: object[] = [];
    const redis = new RedisConnection(urlOfSilent(), {
      timeout: 2_000,
      log: { warn: (fields) => void lines.push(fields) },
    });
    redis.onModuleInit();
    await expect.poll(() => redis.available, { timeout: 10_000 }).toBe(true);
    await Promise.allSettled(Array.from({ length: 100 }, () => read(redis)));
    const reason = "ERR unknown command 'get'";
    expect(lines).toEqual([{ reason, times: 1 }]);
    await expect
      .poll(() => lines, { timeout: 10_000 })
      .toEqual([
        { reason, times: 1 },
        { reason, times: 99 },
      ]);
    expect(redis.trouble).toBe('refused: ERR');
    redis.close();
  });

  it('is told nothing of a mistake in what was to be asked: that is a bug of ours', async () => {
    const redis = await connected(urlOfSilent());
    await expect(redis.use(() => Promise.reject(new TypeError('x is not a function')))).rejects.toBeInstanceOf(
      TypeError,
    );
    expect(redis.trouble).toBeUndefined();
    redis.close();
  });
});
