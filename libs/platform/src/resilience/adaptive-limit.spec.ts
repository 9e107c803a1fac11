import { describe, expect, it } from 'vitest';
import { AdaptiveLimit } from './adaptive-limit.ts';

const limitOf = (slowMs = 1_000) =>
  new AdaptiveLimit({ most: 100, queue: 3, slowMs, isTooMuch: (outcome) => 'error' in outcome });
const fine = async () => 'fine';
const failing = () => Promise.reject(new Error('too much'));
const turn = () => new Promise((next) => setImmediate(next));

/** So many calls that are under way together, and all end alike. */
const together = (limit: AdaptiveLimit, calls: number, call: () => Promise<unknown>) =>
  Promise.all(
    Array.from({ length: calls }, () => limit.watch(async () => (await turn(), call())).catch(() => 'failed')),
  );

describe('a limit on what another party is asked at once', () => {
  it('is the most there may be while that can be done', async () => {
    const limit = limitOf();
    await together(limit, 100, fine);
    expect([limit.limit, limit.isReached]).toEqual([100, false]);
  });

  it('shrinks once for all that were under way together, and to no less than a few', async () => {
    const limit = limitOf();
    await together(limit, 50, failing);
    expect(limit.limit).toBe(70);
    for (let n = 0; n < 20; n++) await together(limit, 2, failing);
    expect(limit.limit).toBe(8);
  });

  it('shrinks when answers are slow, too', async () => {
    const limit = limitOf(0);
    await limit.watch(fine);
    expect(limit.limit).toBe(70);
  });

  it('is reached by as many as are under way, and free again when they end, however they do', async () => {
    const limit = limitOf();
    await together(limit, 1, failing);
    const calls = together(limit, 70, failing);
    expect(limit.isReached).toBe(true);
    await calls;
    expect(limit.isReached).toBe(false);
  });

  it('lets a few wait for their turn, and gives nobody one who has given up', async () => {
    const limit = limitOf();
    await together(limit, 1, failing);
    const ends: (() => void)[] = [];
    const calls = Array.from({ length: 70 }, () => limit.watch(() => new Promise<void>((end) => ends.push(end))));
    const givenUp = new AbortController();
    const ordinary = new AbortController().signal;
    const turns = [limit.turn(givenUp.signal), limit.turn(ordinary), limit.turn(ordinary)];
    expect(await limit.turn(ordinary)).toBe(false);
    givenUp.abort(new Error('no time left'));
    ends[0]?.();
    await expect(turns[0]).rejects.toThrow('no time left');
    expect(await turns[1]).toBe(true);
    ends.slice(1).forEach((end) => end());
    expect(await turns[2]).toBe(true);
    await Promise.all(calls);
  });

  it('leaves it to others who waits while it is at its most', async () => {
    const limit = limitOf();
    const calls = together(limit, 100, fine);
    expect(limit.isReached).toBe(false);
    await calls;
  });

  it('grows by one with as many answers in time as it lets through, but only where that many are asked for', async () => {
    const limit = limitOf();
    for (let n = 0; n < 20; n++) await together(limit, 2, failing);
    for (let n = 0; n < 50; n++) await together(limit, 1, fine);
    expect(limit.limit).toBe(8);
    for (let n = 0; n < 10; n++) await together(limit, limit.limit, fine);
    expect(limit.limit).toBeGreaterThanOrEqual(12);
    expect(limit.limit).toBeLessThanOrEqual(18);
  });
});
