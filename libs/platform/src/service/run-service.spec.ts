import { request as rawRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runService, type RunningService } from './run-service.ts';
import { edge, finishSlow, startIssuer, stopped, tiny } from './tiny.fixture.ts';

const issuer = await startIssuer();
const { env } = issuer;
let service: RunningService;
let open: RunningService;
beforeAll(async () => {
  [service, open] = await Promise.all([runService(tiny, env('hello')), runService(edge, env('hi'))]);
});
afterAll(async () => {
  await Promise.all([service.close(), open.close()]);
  issuer.close();
});

describe('several services in one process', () => {
  it('each have their own configuration, and the headers browsers need only at the edge', async () => {
    const [inside, outside] = await Promise.all([fetch(`${service.url}/things`), fetch(`${open.url}/things`)]);
    expect(await inside.json()).toMatchObject({ greeting: 'hello' });
    expect(await outside.json()).toMatchObject({ greeting: 'hi' });
    expect([inside, outside].map(({ headers }) => headers.get('x-content-type-options'))).toEqual([
      'nosniff',
      'nosniff',
    ]);
    expect(outside.headers.get('content-security-policy')).toContain("default-src 'self'");
    expect(outside.headers.get('cache-control')).toBe('no-store');
  });
});

describe('a service that stops', () => {
  it('serves what is under way, takes no more, then runs its shutdown hooks', async () => {
    const stopping = await runService(tiny, env('goodbye'));
    const slow = new Promise<number | undefined>((answered) => {
      rawRequest(`${stopping.url}/things/slow`, (response) => answered(response.resume().statusCode)).end();
    });
    await expect.poll(() => fetch(`${stopping.url}/health/ready`).then(({ status }) => status)).toBe(200);
    const closed = stopping.close();
    await expect.poll(() => fetch(`${stopping.url}/health/ready`).catch(() => 'refused')).toBe('refused');
    expect(stopped).not.toContain('goodbye');
    finishSlow();
    expect(await slow).toBe(200);
    await closed;
    expect(stopped).toContain('goodbye');
  });
});

describe('a service that stops behind a load balancer', () => {
  it('is not ready, and serves on for as long as others need to notice, each answer on a connection being the last', async () => {
    // Longer than a busy machine takes to connect twice: afterwards nobody listens any more.
    const stopping = await runService(tiny, { ...env('soon'), SHUTDOWN_DELAY_MS: '3000' });
    const closed = stopping.close();
    const [ready, served] = await Promise.all([fetch(`${stopping.url}/health/ready`), fetch(`${stopping.url}/things`)]);
    expect([ready.status, await ready.json()]).toEqual([503, { status: 'failing', checks: { service: 'draining' } }]);
    expect([served.status, served.headers.get('connection')]).toEqual([200, 'close']);
    await closed;
  });
});

describe('a service that cannot start', () => {
  it('says why in one sentence, naming keys and never values', async () => {
    const { GREETING: _, ...missing } = env('x');
    await expect(runService(tiny, { ...missing, PORT: 'hunter2' })).rejects.toThrow(
      /^tiny cannot start: .*GREETING is missing.*\.$/,
    );
    await expect(runService(tiny, { ...missing, PORT: 'hunter2' })).rejects.not.toThrow('hunter2');
  });

  it('tells an address that can be called, of IPv6 too', async () => {
    const six = await runService(tiny, { ...env('six'), HOST: '::1' });
    expect(six.url).toMatch(/^http:\/\/\[::1\]:\d+$/);
    expect((await fetch(`${six.url}/health/ready`)).status).toBe(200);
    await six.close();
  });

  it('names the port that is in use', async () => {
    const { port } = new URL(service.url);
    await expect(runService(tiny, { ...env('x'), PORT: port })).rejects.toThrow(
      `tiny cannot start: port ${port} on 127.0.0.1 is in use.`,
    );
  });
});
