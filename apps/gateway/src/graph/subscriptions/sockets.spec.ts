import { randomUUIDv7 } from 'node:crypto';
import { connect } from 'node:net';
import type { OrderStateView } from '@shop/contracts';
import { createClient, type Client } from 'graphql-ws';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { startGraph } from '../graph.fixture.ts';

let graph: Awaited<ReturnType<typeof startGraph>>;
let token: string;
beforeAll(async () => {
  graph = await startGraph();
  token = await graph.tokens.token('orders:read');
});
afterAll(() => graph.stop());

const orderId = randomUUIDv7();
const at = '2026-01-01T00:00:00.000Z';
const statuses = ['placed', 'reserved', 'reserved', 'confirmed'] as const;
const history: OrderStateView[] = statuses.map((status, index) => ({ orderId, version: index + 1, status, at }));
/** How much of it has happened. */
let happened = 1;
beforeEach(() => {
  happened = 1;
  graph.orders.seen.length = 0;
  graph.orders.answer = (seen, response) => {
    const after = new URL(seen.path, 'http://x').searchParams.get('after');
    const items = history.slice(0, happened).slice(after === null ? -1 : Number(after));
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ items }));
  };
});

const clients: Client[] = [];
const leave = () => clients.splice(0).forEach((client) => void client.dispose());
afterEach(leave);
function client(of = graph, authorization: string | undefined = `Bearer ${token}`) {
  const closes: { code: number; reason: string }[] = [];
  const made = createClient({
    url: of.url.replace('http', 'ws'),
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    ...(authorization !== undefined && { connectionParams: { authorization } }),
    on: { closed: (event) => void closes.push(event as (typeof closes)[number]) },
  });
  clients.push(made);
  return { closes, follow: (query: string) => made.iterate({ query }) };
}
const follow = (after?: number, id = orderId) =>
  `subscription { orderState(id: "${id}"${after === undefined ? '' : `, after: ${after}`}) { version status } }`;

async function versions(
  states: AsyncIterable<{ data?: unknown }>,
  seen?: (version: number) => void,
): Promise<number[]> {
  const all: number[] = [];
  for await (const { data } of states) {
    const { version } = (data as { orderState: { version: number } }).orderState;
    all.push(version);
    seen?.(version);
  }
  return all;
}

describe('who follows an order', () => {
  it('sees its present state, then each that follows, in order, and is told when it was the last', async () => {
    happened = 2;
    expect(await versions(client().follow(follow()), (version) => void (happened = Math.min(version + 2, 4)))).toEqual([
      2, 3, 4,
    ]);
  });

  it('goes on from where they were, and misses nothing that happened meanwhile', async () => {
    happened = 4;
    expect(await versions(client().follow(follow(1)))).toEqual([2, 3, 4]);
  });

  it('waits while orders is away', async () => {
    const healthy = graph.orders.answer;
    const seen = versions(client().follow(follow()), () => {
      graph.orders.says(503, { type: 'x', title: 'x', status: 503, code: 'unavailable' });
      happened = 4;
    });
    await expect.poll(() => graph.orders.seen.length, { timeout: 20_000 }).toBeGreaterThan(1);
    graph.orders.answer = healthy;
    expect(await seen).toEqual([1, 2, 3, 4]);
  });

  it('learns no more of an order of somebody else than that there is none', async () => {
    graph.orders.says(404, {
      type: 'urn:shop:problem:order-not-found',
      title: 'Not Found',
      status: 404,
      code: 'order-not-found',
    });
    const { value } = await client().follow(follow()).next();
    expect(value?.errors).toEqual([
      expect.objectContaining({
        extensions: expect.objectContaining({ code: 'order-not-found', status: 404 }) as object,
      }),
    ]);
  });

  it('asks with their own token, and not any more once they have left', async () => {
    const states = client().follow(follow());
    await states.next();
    expect(graph.orders.last.headers.authorization).toBe(`Bearer ${token}`);
    await states.return?.();
    leave();
    const count = graph.orders.seen.length;
    await expect.poll(() => graph.orders.seen.length).toBeLessThanOrEqual(count + 1);
  });
});

describe('a socket', () => {
  const ends = (closes: { code: number; reason: string }[]) =>
    expect.poll(() => closes.map(({ code, reason }) => [code, reason]), { timeout: 20_000 });

  it.each([
    ['without a token', ''],
    ['with one that is forged', 'Bearer e30.e30.e30'],
  ])('is closed %s', async (_what, authorization) => {
    const { closes, follow: open } = client(graph, authorization);
    await open(follow())
      .next()
      .catch(() => undefined);
    await ends(closes).toEqual([[4401, 'token-invalid']]);
  });

  it('ends with its token, so that its client comes again with another', async () => {
    const { closes, follow: open } = client(
      graph,
      `Bearer ${await graph.tokens.token('orders:read', ['customer'], '2s')}`,
    );
    await open(follow())
      .next()
      .catch(() => undefined);
    await ends(closes).toEqual([[4403, 'token-expired']]);
  });

  it('needs the scope for what is asked over it', async () => {
    const { value } = await client(graph, `Bearer ${await graph.tokens.token('openid')}`)
      .follow(follow())
      .next();
    expect(value?.errors?.[0]?.extensions).toMatchObject({ code: 'insufficient-scope' });
  });

  it.each([
    ['a query', '{ __typename }', 'method-not-allowed'],
    [
      'what breaks a limit',
      `subscription { orderState(id: "x") { ${'a: version '.repeat(21)} } }`,
      'query-too-many-aliases',
    ],
    [
      'two at once',
      'subscription { a: orderState(id: "x") { version } b: orderState(id: "y") { version } }',
      'query-too-many-mutations',
    ],
    ['what is not in the schema', 'subscription { nope }', 'query-invalid'],
  ])('takes subscriptions within the limits only, not %s', async (_what, query, code) => {
    const failed = await client()
      .follow(query)
      .next()
      .catch((errors: unknown) => errors);
    expect(failed).toEqual(expect.arrayContaining([expect.objectContaining({ extensions: { code } })]));
    expect(graph.orders.seen).toEqual([]);
  });

  it('is one of ten of a person at most', async () => {
    const all = Array.from({ length: 11 }, () => client());
    await Promise.all(
      all.map(({ follow: open }) =>
        open(follow())
          .next()
          .catch(() => undefined),
      ),
    );
    await expect
      .poll(() => all.flatMap(({ closes }) => closes.map(({ reason }) => reason)), { timeout: 20_000 })
      .toEqual(['too-many-sockets']);
  });

  it('takes text only', async () => {
    const socket = new WebSocket(graph.url.replace('http', 'ws'), 'graphql-transport-ws');
    const closed = new Promise<[number, string]>((resolve) =>
      socket.once('close', (code, reason) => resolve([code, String(reason)])),
    );
    socket.once('open', () => socket.send(Buffer.from('{"type":"ping"}')));
    expect(await closed).toEqual([1003, 'text-only']);
  });

  it('is told to come again when the gateway ends', async () => {
    const other = await startGraph();
    other.orders.answer = graph.orders.answer;
    const { closes, follow: open } = client(other, `Bearer ${await other.tokens.token('orders:read')}`);
    const states = open(follow());
    await states.next();
    await other.stop();
    await ends(closes).toEqual([[1012, 'restarting']]);
    await states.next().catch(() => undefined);
  });

  it('is opened at /graphql only, however that is spelled; elsewhere the request is answered without it', async () => {
    const at = (path: string) => opened(graph.url.replace('/graphql', path));
    expect([await at('/'), await at('/nothing'), await at('/%67raphql'), await at('/graphql/')]).toEqual([
      200, 404, 101, 404,
    ]);
  });

  it.each<[string, string, string[], string]>([
    ['h2c', 'GET /health/ready', [], '200'],
    ['h2c', 'GET /v2/openapi.json', [], '200'],
    ['h2c', 'GET /graphql?query={__typename}', ['GraphQL-Preflight: 1'], '200'],
    [
      'h2c',
      'POST /graphql',
      ['Content-Type: application/json', 'Content-Length: 26', '', '{"query":"{ __typename }"}'],
      '200',
    ],
    ['websocket, h2c', 'GET /graphql?query={__typename}', ['GraphQL-Preflight: 1'], '200'],
    [
      'websocket',
      'POST /graphql',
      ['Content-Type: application/json', 'Content-Length: 26', '', '{"query":"{ __typename }"}'],
      '200',
    ],
    ['h2c', 'GET /nothing', [], '404'],
  ])('is no other protocol: Upgrade: %s is ignored, and %s answered', async (protocol, start, more, status) => {
    const head = [
      `${start} HTTP/1.1`,
      'Host: localhost',
      'Connection: Upgrade, HTTP2-Settings, close',
      `Upgrade: ${protocol}`,
      'HTTP2-Settings: AAMAAABk',
    ];
    const text = [...head, ...(more.includes('') ? more : [...more, '', ''])].join('\r\n');
    const socket = connect(Number(new URL(graph.url).port), '127.0.0.1', () => socket.write(text));
    const answer = (await socket.setEncoding('utf8').toArray()).join('');
    expect([answer.slice(9, 12), answer.split('\r\n\r\n')[1]]).toEqual([status, expect.stringMatching(/^\S/)]);
  });

  it('is opened for pages of our own site and of those that may call us, not of others', async () => {
    const listed = await startGraph({ CORS_ORIGINS: 'https://shop.example' });
    const own = new URL(listed.url).origin;
    const origins = ['https://shop.example', own, 'https://evil.example', `${own}.evil.example`, 'null'];
    expect(await Promise.all(origins.map((origin) => opened(listed.url, origin)))).toEqual([101, 101, 403, 403, 403]);
    await listed.stop();
  });

  it('counts as a request of its address, whose limit all of them share', async () => {
    const limited = await startGraph({ RATE_LIMITS: 'graph.address=2/3600' });
    const statuses = [
      await opened(limited.url),
      (await limited.ask('{ __typename }')).status,
      await opened(limited.url),
      (await limited.ask('{ __typename }')).status,
    ];
    await limited.stop();
    expect(statuses).toEqual([101, 200, 429, 429]);
  });

  it('is turned away where there is more to do than can be done', { timeout: 60_000 }, async () => {
    const busy = await startGraph({ SHED_LOOP_DELAY_MS: '50' });
    const work = setInterval(() => {
      for (const until = performance.now() + 120; performance.now() < until; );
    }, 0);
    await expect.poll(() => opened(busy.url), { timeout: 30_000 }).toBe(503);
    clearInterval(work);
    await expect.poll(() => opened(busy.url), { timeout: 30_000 }).toBe(101);
    await busy.stop();
  });

  /** The status that its opening is answered with. */
  async function opened(url: string, origin?: string): Promise<number> {
    const socket = new WebSocket(
      url.replace('http', 'ws'),
      'graphql-transport-ws',
      origin === undefined ? {} : { origin },
    );
    const status = await new Promise<number>((resolve, reject) => {
      socket.once('open', () => resolve(101));
      socket.once('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0));
      socket.once('error', reject);
    });
    socket.on('error', () => undefined).terminate();
    return status;
  }
});
