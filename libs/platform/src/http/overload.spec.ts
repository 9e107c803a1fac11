import { describe, expect, it } from 'vitest';
import { Overload } from './overload.ts';

function watched(SHED_LOOP_DELAY_MS = 0) {
  const said: string[] = [];
  const log = { warn: (_: object, text: string) => said.push(text), info: (_: object, text: string) => said.push(text) };
  return { overload: new Overload({ SHED_LOOP_DELAY_MS }, log), said };
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

  it('is an event loop that is late again and again, and is over when it is on time', async () => {
    const { overload } = watched(50);
    let busy = true;
    const block = () => {
      for (const until = performance.now() + 120; performance.now() < until; );
      if (busy) setTimeout(block, 0);
    };
    setTimeout(block, 0);
    await expect.poll(() => overload.refuses(), { timeout: 20_000 }).toBe('event loop');
    busy = false;
    await expect.poll(() => overload.refuses(), { timeout: 20_000 }).toBeUndefined();
    overload.onApplicationShutdown();
  });
});
