import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { SlowLine } from './slow-line.ts';

let echo: Server;
let line: SlowLine;
beforeAll(async () => {
  echo = createServer((socket) => socket.on('error', () => undefined).pipe(socket)).listen(0, '127.0.0.1');
  await once(echo, 'listening');
  line = await SlowLine.to(`postgresql://user@127.0.0.1:${(echo.address() as AddressInfo).port}/name`);
});
beforeEach(() => line.recover());
afterAll(async () => {
  await line.close();
  echo.close();
});

/** Somebody at the near end, and what became of what he said. */
async function speaker() {
  const socket = connect(Number(new URL(line.through('http://x:1')).port), '127.0.0.1');
  await once(socket, 'connect');
  const said = () =>
    once(socket, 'data').then(
      ([heard]) => String(heard),
      (error: NodeJS.ErrnoException) => error.code,
    );
  return { say: (text: string) => (socket.write(text), said()), end: () => socket.destroy() };
}

describe('a line', () => {
  it('leads to the same place under another port', () => {
    const url = new URL(line.through('postgresql://user:secret@elsewhere:5432/name?a=b'));
    expect([url.username, url.password, url.hostname, url.pathname, url.search]).toEqual([
      'user',
      'secret',
      '127.0.0.1',
      '/name',
      '?a=b',
    ]);
    expect(url.port).not.toBe('5432');
  });

  it('carries what is said while it is well', async () => {
    const { say, end } = await speaker();
    expect([await say('one'), await say('two')]).toEqual(['one', 'two']);
    end();
    expect(line.hits).toBe(0);
  });

  it('carries it late while it is slow', async () => {
    const { say, end } = await speaker();
    line.fallIll('slow');
    const since = performance.now();
    expect(await say('one')).toBe('one');
    expect(performance.now() - since).toBeGreaterThan(1_500);
    end();
    expect(line.hits).toBeGreaterThan(0);
  });

  it('breaks off while it is resetting', async () => {
    const { say } = await speaker();
    line.fallIll('resetting');
    expect(await say('one')).toBe('ECONNRESET');
    expect(line.hits).toBe(1);
  });

  it('swallows it while it is silent, and for good', async () => {
    const { say, end } = await speaker();
    line.fallIll('silent');
    const answer = say('lost ');
    await expect.poll(() => line.hits, { timeout: 20_000 }).toBe(1);
    line.recover();
    void say('kept');
    expect(await answer).toBe('kept');
    end();
  });
});
