import { describe, expect, it } from 'vitest';
import { runService } from '../service/run-service.ts';
import { startIssuer, tiny } from '../service/tiny.fixture.ts';
import { Overload } from './overload.ts';

function watched(SHED_LOOP_DELAY_MS = 0) {
  const said: string[] = [];
  const log = {
    warn: (_: object, text: string) => said.push(text),
    info: (_: object, text: string) => said.push(text),
  };
  return { overload: new Overload({ SHED_LOOP_DELAY_MS }, log), said };
}

/** Keeps the event loop busy until told otherwise. */
function block(): () => void {
  let busy = true;
  const work = () => {
    for (const until = performance.now() + 120; performance.now() < until; );
    if (busy) setTimeout(work, 0);
  };
  setTimeout(work, 0);
  return () => (busy = false);
}

describe('overload', () => {
  it('begins where something is behind, and ends where it has caught up, said once each', () => {
    const { overload, said } = watched();
    let level = 0;
    overload.watch('queue', () => level, { behind: 100, caughtUp: 20 });
    const seen = [99, 100, 50, 21, 20, 99].map((now) => ((level = now), overload.refuses()));
    expect(seen).toEqual([undefined, 'queue', 'queue', 'queue', undefined, undefined]);
    expect(said).toHaveLength(2);
  });

  it('is an event loop that is late again and again, and is over when it is on time', { timeout: 60_000 }, async () => {
    const { overload } = watched(50);
    const relax = block();
    await expect.poll(() => overload.refuses(), { timeout: 20_000 }).toBe('event loop');
    relax();
    await expect.poll(() => overload.refuses(), { timeout: 20_000 }).toBeUndefined();
    overload.onApplicationShutdown();
  });

  it('turns requests away with a problem that says when to come again, but never questions about health', {
    timeout: 60_000,
  }, async () => {
    const issuer = await startIssuer();
    const service = await runService(tiny, { ...issuer.env('hello'), SHED_LOOP_DELAY_MS: '50' });
    const relax = block();
    const ask = (path: string) => fetch(service.url + path);
    await expect.poll(async () => (await ask('/things')).status, { timeout: 30_000 }).toBe(503);
    const [refused, health] = [await ask('/things'), await ask('/health/live')];
    expect([
      refused.headers.get('retry-after'),
      refused.headers.get('content-type'),
      await refused.json(),
      health.status,
    ]).toMatchObject(['1', 'application/problem+json; charset=utf-8', { code: 'overloaded' }, 200]);
    relax();
    await expect.poll(async () => (await ask('/things')).status, { timeout: 30_000 }).toBe(200);
    await service.close();
    issuer.close();
  });
});
