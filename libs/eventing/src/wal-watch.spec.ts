import { describe, expect, it } from 'vitest';
import { SlotWatch } from './wal-watch.ts';

const [place, far, near] = [1_000n, 50_000_000n, 1_000_000n];

describe('who waits for a slot', () => {
  it('tells once that it stands still while the log grows', () => {
    const watch = new SlotWatch(30_000);
    expect(watch.look({ stands: place, head: far }, 0)).toBeUndefined();
    expect(watch.look({ stands: place, head: far }, 29_999)).toBeUndefined();
    expect(watch.look({ stands: place, head: far }, 30_000)).toEqual({ ms: 30_000, behindBytes: 49_999_000 });
    expect(watch.look({ stands: place, head: far }, 90_000)).toBeUndefined();
  });

  it('tells again when it stands still at another place', () => {
    const watch = new SlotWatch(30_000);
    for (const [stands, now] of [
      [place, 0],
      [place, 40_000],
      [place + 1n, 41_000],
    ] as const)
      watch.look({ stands, head: far }, now);
    expect(watch.look({ stands: place + 1n, head: far }, 71_000)).toMatchObject({ ms: 30_000 });
  });

  it('says nothing of one that moves, nor of one whose log holds next to nothing', () => {
    const watch = new SlotWatch(30_000);
    for (let now = 0; now < 120_000; now += 10_000)
      expect(watch.look({ stands: place + BigInt(now), head: far }, now)).toBeUndefined();
    for (let now = 200_000; now < 300_000; now += 10_000)
      expect(watch.look({ stands: place, head: place + near }, now)).toBeUndefined();
  });
});
