import { randomUUIDv7 } from 'node:crypto';
import { createClient } from 'graphql-ws';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { startGraph } from '../graph.fixture.ts';

type Gateway = Awaited<ReturnType<typeof startGraph>>;
const id = randomUUIDv7();
const follow = `subscription { orderState(id: "${id}") { version status } }`;
const ends: (() => unknown)[] = [];
afterEach(() => Promise.all(ends.splice(0).map((end) => end())));

async function started(settings: Record<string, string>): Promise<Gateway> {
  const graph = await startGraph(settings);
  ends.push(() => graph.stop());
  // An order that is over at once: each operation is one read.
  graph.orders.says(200, { items: [{ orderId: id, version: 4, status: 'confirmed', at: '2026-01-01T00:00:00.000Z' }] });
  return graph;
}

function socketOf(graph: Gateway, token: string) {
  const closes: { code: number; reason: string }[] = [];
  const on = { closed: (event: unknown) => void closes.push(event as (typeof closes)[number]) };
  const client = createClient({
    url: graph.url.replace('http', 'ws'),
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    lazy: false,
    onNonLazyError: () => undefined,
    connectionParams: { authorization: `Bearer ${token}` },
    on,
  });
  ends.unshift(() => client.dispose());
  /** `done`, or the code of its refusal and what comes with it. */
  const ask = async (query = follow): Promise<unknown> => {
    try {
      for await (const each of client.iterate({ query })) void each;
      return 'done';
    } catch (refused) {
      return Array.isArray(refused) ? (refused as { extensions: object }[])[0]?.extensions : refused;
    }
  };
  return { ask, closes };
}

const limited = { code: 'rate-limited', status: 429, retryAfter: expect.any(Number) as number };

describe('an operation over a socket', () => {
  it('counts as one over HTTP does: by its user, whatever the number of sockets, and together with requests', async () => {
    const graph = await started({ RATE_LIMITS: 'graph.user=4/3600' });
    const token = await graph.tokens.token('orders:read');
    const [one, another] = [socketOf(graph, token), socketOf(graph, token)];
    expect([await one.ask(), await another.ask(), await one.ask()]).toEqual(['done', 'done', 'done']);
    const me = { authorization: `Bearer ${token}` };
    expect([
      (await graph.ask('{ __typename }', {}, me)).status,
      (await graph.ask('{ __typename }', {}, me)).status,
    ]).toEqual([200, 429]);
    expect([await one.ask(), await another.ask()]).toEqual([limited, limited]);
    expect([one.closes, graph.orders.seen.length]).toEqual([[], 3]);
  });

  it('counts by its address', async () => {
    const graph = await started({ RATE_LIMITS: 'graph.address=3/3600' });
    const { ask } = socketOf(graph, await graph.tokens.token('orders:read'));
    // The first was for the opening of the socket.
    expect([await ask(), await ask(), await ask()]).toEqual(['done', 'done', limited]);
  });

  it('counts also where it is refused for what it asks', async () => {
    const graph = await started({ RATE_LIMITS: 'graph.user=2/3600' });
    const { ask } = socketOf(graph, await graph.tokens.token('orders:read'));
    expect([await ask('{ __typename }'), await ask('subscription { nope }'), await ask()]).toEqual([
      { code: 'method-not-allowed' },
      { code: 'query-invalid' },
      limited,
    ]);
  });

  it('is turned away where there is more to do than can be done', { timeout: 60_000 }, async () => {
    const graph = await started({ SHED_LOOP_DELAY_MS: '50' });
    const { ask } = socketOf(graph, await graph.tokens.token('orders:read'));
    await ask();
    const work = setInterval(() => {
      for (const until = performance.now() + 120; performance.now() < until; );
    }, 0);
    await expect.poll(() => ask(), { timeout: 15_000 }).toEqual({ code: 'overloaded', status: 503, retryAfter: 1 });
    clearInterval(work);
    await expect.poll(() => ask(), { timeout: 15_000 }).toBe('done');
  });
});

describe('a socket', () => {
  let graph: Gateway;
  beforeEach(async () => void (graph = await started({})));

  it('that sends without end, whatever it is, is closed', async () => {
    const socket = new WebSocket(graph.url.replace('http', 'ws'), 'graphql-transport-ws');
    const closed = new Promise<[number, string]>((resolve) =>
      socket.once('close', (code, reason) => resolve([code, String(reason)])),
    );
    socket.on('error', () => undefined);
    let answers = 0;
    socket.on('message', () => answers++);
    socket.once('open', () => {
      for (let n = 0; n < 2_000; n++) socket.send('{"type":"ping"}');
    });
    expect(await closed).toEqual([1008, 'too-many-messages']);
    expect(answers).toBeLessThanOrEqual(600);
  });
});
