import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { context } from '@opentelemetry/api';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { withDeadline } from '../telemetry/deadline.ts';
import { startTracing, withTraceparent } from '../telemetry/tracing.ts';
import { Upstream, type UpstreamOptions } from './upstream.ts';

const stops: (() => unknown)[] = [];
beforeAll(() => startTracing());
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

const urlOf = (server: Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  stops.push(
    () => server.closeAllConnections(),
    () => server.close(),
  );
  return urlOf(server);
}

/** A port on which nobody listens. */
async function nobody(): Promise<string> {
  const server = createServer();
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const url = urlOf(server);
  await new Promise((closed) => server.close(closed));
  return url;
}

function orders(urls: string[], options?: UpstreamOptions): Upstream {
  const upstream = new Upstream('orders', urls, options);
  stops.push(() => upstream.close());
  return upstream;
}

const schema = z.object({ ok: z.boolean() });
const ok: RequestListener = (_request, response) => response.setHeader('etag', '"3"').end('{"ok":true,"more":1}');
const get = { method: 'GET', path: '/orders', schema } as const;
const post = { method: 'POST', path: '/orders', body: { a: 1 }, schema } as const;

describe('an answer', () => {
  it('is parsed by its schema, with status and headers', async () => {
    const answer = await orders([await serve(ok)]).request(get);
    expect(answer).toMatchObject({ status: 200, headers: { etag: '"3"' }, body: { ok: true } });
    expect(answer.body).not.toHaveProperty('more');
  });

  it('of another shape is a bug, not a refusal', async () => {
    const upstream = orders([await serve((_request, response) => response.end('{"ok":"yes"}'))]);
    await expect(upstream.request(get)).rejects.toThrow('orders answered GET with a body of another shape');
  });

  it('that says no keeps its problem, status and headers', async () => {
    const problem = {
      type: 'urn:shop:problem:unknown-product',
      title: 'Unprocessable Content',
      status: 422,
      code: 'unknown-product',
    };
    const url = await serve((_request, response) =>
      response.writeHead(422, { 'retry-after': '3' }).end(JSON.stringify(problem)),
    );
    await expect(orders([url]).request(get)).rejects.toMatchObject({
      name: 'UpstreamProblem',
      status: 422,
      problem,
      headers: { 'retry-after': '3' },
    });
  });

  it('that says no in its own words becomes a problem, beside its body', async () => {
    const url = await serve((_request, response) => response.writeHead(402).end('{"status":"declined"}'));
    await expect(orders([url]).request(get)).rejects.toMatchObject({
      status: 402,
      problem: { status: 402, code: 'orders-402' },
      body: { status: 'declined' },
    });
  });
});

describe('a request', () => {
  it('carries body, token, trace and what is left of the budget', async () => {
    const seen: IncomingMessage[] = [];
    const url = await serve((request, response) => {
      seen.push(request);
      ok(request, response);
    });
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const full = { ...post, query: { a: 'b', c: undefined }, token: 'T', headers: { x: undefined } };
    const within = () => context.with(withDeadline(context.active(), 800), () => orders([url]).request(full));
    await withTraceparent(`00-${traceId}-b7ad6b7169203331-01`, 'test', within);
    expect(seen[0]?.url).toBe('/orders?a=b');
    expect(seen[0]?.headers).toMatchObject({
      authorization: 'Bearer T',
      'content-type': 'application/json',
      traceparent: expect.stringContaining(traceId),
    });
    expect(Number(seen[0]?.headers['x-request-budget-ms'])).toBeLessThanOrEqual(800);
    expect(Number(seen[0]?.headers['x-request-budget-ms'])).toBeGreaterThan(500);
  });

  it('goes to the instances in turn', async () => {
    const hits: string[] = [];
    const instance = (name: string) =>
      serve((request, response) => {
        hits.push(name);
        ok(request, response);
      });
    const upstream = orders([await instance('one'), await instance('two')]);
    for (let n = 0; n < 4; n += 1) await upstream.request(get);
    expect(hits).toEqual(['one', 'two', 'one', 'two']);
  });
});

describe('an instance that is not there', () => {
  it.each([get, post])('costs nothing: $method goes to the next', async (request) => {
    const upstream = orders([await nobody(), await serve(ok)]);
    for (let n = 0; n < 4; n += 1) expect((await upstream.request(request)).status).toBe(200);
  });

  it('makes the service unavailable when it was the last one, and is asked again when it is back', async () => {
    const url = await nobody();
    const upstream = orders([url]);
    await expect(upstream.request(get)).rejects.toMatchObject({ kind: 'unavailable', code: 'unavailable' });
    const server = createServer(ok).listen(Number(new URL(url).port), '127.0.0.1');
    stops.push(() => server.close());
    await new Promise((listening) => server.once('listening', listening));
    expect((await upstream.request(get)).status).toBe(200);
  });
});

describe('an instance that is about to end', () => {
  const closing: RequestListener = (request, response) =>
    ok(request, response.setHeader('connection', 'close') as typeof response);

  it('is asked no more for a while', async () => {
    let asked = 0;
    const ending = await serve((request, response) => (asked++, closing(request, response)));
    const upstream = orders([ending, await serve(ok)]);
    for (let n = 0; n < 5; n += 1) expect((await upstream.request(get)).status).toBe(200);
    expect(asked).toBe(1);
  });

  it('is asked all the same when the other cannot be reached, by however many at once', async () => {
    const upstream = orders([await serve(closing), await nobody()]);
    await upstream.request(get);
    const answers = await Promise.all(Array.from({ length: 9 }, () => upstream.request(post)));
    expect(answers.map(({ status }) => status)).toEqual(Array(9).fill(200));
  });
});

describe('a connection that breaks under way', () => {
  const breaksOnce = async () => {
    const seen: string[] = [];
    const url = await serve((request, response) => {
      seen.push(request.method ?? '');
      if (seen.length === 1) request.socket.destroy();
      else ok(request, response);
    });
    return { seen, upstream: orders([url]) };
  };

  it('is tried once more where twice is as good as once', async () => {
    const { seen, upstream } = await breaksOnce();
    expect((await upstream.request(get)).status).toBe(200);
    expect(seen).toEqual(['GET', 'GET']);
  });

  it('is tried once more for a POST that says so', async () => {
    const { upstream } = await breaksOnce();
    expect((await upstream.request({ ...post, idempotent: true })).status).toBe(200);
  });

  it('is not tried again for a POST that does not: it may have happened', async () => {
    const { seen, upstream } = await breaksOnce();
    await expect(upstream.request(post)).rejects.toMatchObject({ kind: 'unavailable' });
    expect(seen).toEqual(['POST']);
  });

  it('is tried once more, not for ever', async () => {
    let seen = 0;
    const url = await serve((request) => {
      seen += 1;
      request.socket.destroy();
    });
    await expect(orders([url]).request(get)).rejects.toMatchObject({ kind: 'unavailable' });
    expect(seen).toBe(2);
  });
});

describe('an instance that does not answer', () => {
  it('is waited for as long as the call may take, and not asked again', async () => {
    let seen = 0;
    const url = await serve(() => (seen += 1));
    await expect(orders([url], { timeout: 100 }).request(get)).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'deadline-exceeded',
    });
    expect(seen).toBe(1);
  });

  it('is waited for no longer than the caller of this request waits', async () => {
    const upstream = orders([await serve(() => undefined)]);
    const before = performance.now();
    await expect(context.with(withDeadline(context.active(), 100), () => upstream.request(get))).rejects.toMatchObject({
      code: 'deadline-exceeded',
    });
    expect(performance.now() - before).toBeLessThan(1_000);
  });
});

describe('a service that has more to do than it can', () => {
  const refusing = (code: string) => async () => {
    const seen = { asked: 0 };
    const body = JSON.stringify({ type: 'about:blank', title: 'x', status: 503, code });
    const url = await serve(
      (_request, response) => (
        seen.asked++, response.writeHead(503, { 'content-type': 'application/problem+json' }).end(body)
      ),
    );
    const upstream = orders([url]);
    for (let n = 0; n < 20; n++) await upstream.request(post).catch(() => undefined);
    return seen.asked;
  };

  it('is not left alone: it says so itself, before it does any work', async () => {
    expect(await refusing('overloaded')()).toBe(20);
  });

  it('is, where it fails', async () => {
    expect(await refusing('unavailable')()).toBeLessThan(20);
  });

  it.each([
    [true, 1],
    [false, 6],
  ])('is asked less at once, and more again when it answers in time (patient: %s)', async (patient, refused) => {
    const held: (() => void)[] = [];
    const url = await serve((_request, response) => void held.push(() => response.end('{"ok":true}')));
    const upstream = orders([url], { timeout: 4_000, connections: 20, patient });
    const ask = (count: number) =>
      Array.from({ length: count }, () =>
        upstream.request(post).then(
          () => 'ok',
          (error: { cause?: Error }) => (error.cause as { why?: string } | undefined)?.why ?? 'late',
        ),
      );
    const endAll = () => held.splice(0).forEach((end) => end());
    const first = ask(20);
    await expect.poll(() => held.length).toBe(20);
    await new Promise((slow) => setTimeout(slow, 1_050));
    endAll();
    expect(await Promise.all(first)).toEqual(Array(20).fill('ok'));
    const second = ask(20);
    await expect.poll(() => held.length).toBe(14);
    endAll();
    // Who waited for a turn has it now: a quarter of the most may.
    await expect.poll(() => held.length).toBe(6 - refused);
    endAll();
    expect((await Promise.all(second)).filter((outcome) => outcome === 'full')).toHaveLength(refused);
  });
});
