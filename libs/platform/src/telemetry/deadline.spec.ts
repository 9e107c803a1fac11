import { describe, expect, it } from 'vitest';
import { endedAfter } from './deadline.ts';

describe('work that is ended after a time', () => {
  const until = (signal: AbortSignal) =>
    new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));

  it('hears why, as from AbortSignal.timeout', async () => {
    const ours = await endedAfter(5, until).catch((error: unknown) => error as Error);
    const theirs = await until(AbortSignal.timeout(5)).catch((error: unknown) => error as Error);
    expect([ours.constructor, ours.name]).toEqual([theirs.constructor, theirs.name]);
  });

  it('answers what it has found, or throws what it has met, and is not ended after that', async () => {
    let seen: AbortSignal | undefined;
    expect(await endedAfter(5, async (signal) => ((seen = signal), 'found'))).toBe('found');
    await expect(endedAfter(5, () => Promise.reject(new Error('met')))).rejects.toThrow('met');
    await new Promise((later) => setTimeout(later, 20));
    expect(seen?.aborted).toBe(false);
  });
});
