import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runService, type RunningService } from '../service/run-service.ts';
import { startIssuer, tiny } from '../service/tiny.fixture.ts';

const issuer = await startIssuer();
let service: RunningService;
beforeAll(async () => {
  service = await runService(tiny, issuer.env('hello'));
});
afterAll(async () => {
  await service.close();
  issuer.close();
});

/** What a client that says this, and then nothing more, is told before it is cut off, and after how long. */
async function cutOff(text: string): Promise<{ answer: string; after: number }> {
  const began = performance.now();
  const socket = connect(Number(new URL(service.url).port), '127.0.0.1', () => socket.write(text));
  const answer = (await socket.setEncoding('utf8').toArray()).join('');
  return { answer, after: performance.now() - began };
}

describe.concurrent('a client that holds a connection', () => {
  it.for([
    ['without a word', '', 408, 8_000],
    ['in the middle of its headers', 'GET / HTTP/1.1\r\nHost: x\r\n', 408, 8_000],
    [
      'in the middle of its body',
      'POST /things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{',
      408,
      13_000,
    ],
    ['with endless headers', `GET / HTTP/1.1\r\nHost: x\r\nCookie: ${'a'.repeat(20_000)}`, 431, 2_000],
  ] as const)('%s is cut off, with a problem', { timeout: 20_000 }, async ([_where, text, status, within]) => {
    const { answer, after } = await cutOff(text);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} .*\r\nContent-Type: application/problem\\+json`));
    expect(after).toBeLessThan(within);
  });
});

describe('a stranger who opens connections without end', () => {
  it('gets half of them, and the rest is closed unread', async () => {
    const small = await runService(tiny, { ...issuer.env('small'), MAX_CONNECTIONS: '8' });
    const sockets = Array.from({ length: 7 }, () =>
      connect(Number(new URL(small.url).port), '127.0.0.1').on('error', () => {}),
    );
    await expect.poll(() => sockets.filter(({ closed }) => closed).length, { timeout: 4_000 }).toBe(3);
    for (const socket of sockets) socket.destroy();
    await expect
      .poll(
        () =>
          fetch(`${small.url}/health/live`).then(
            ({ status }) => status,
            () => undefined,
          ),
        { timeout: 10_000 },
      )
      .toBe(200);
    await small.close();
  });
});

describe('a stranger who is refused, and neither reads that nor leaves', () => {
  it('is gone a moment later, and his place is another’s', async () => {
    // One place for each address.
    const small = await runService(tiny, { ...issuer.env('small'), MAX_CONNECTIONS: '2' });
    const socket = connect({ port: Number(new URL(small.url).port), host: '127.0.0.1', allowHalfOpen: true }, () =>
      socket.write('GET / HTTP/1.1\r\nHost: x\r\n'),
    );
    socket.on('error', () => {});
    await once(socket, 'readable');
    await expect
      .poll(
        () =>
          fetch(`${small.url}/health/live`).then(
            ({ status }) => status,
            () => undefined,
          ),
        { timeout: 10_000 },
      )
      .toBe(200);
    socket.destroy();
    await small.close();
  });
});
