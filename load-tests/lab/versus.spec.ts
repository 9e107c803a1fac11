import { describe, expect, it } from 'vitest';
import { against, failures, inTurn, type Round } from './versus.ts';

const round = (perSecond: number, failed = 0): Round => ({ perSecond, failed, cpuMicros: {} });
const row = { id: 'P0', what: 'something', base: 'nothing', atLeast: 0.5 };

describe('two sides', () => {
  it('have their rounds in turn, and rest after each', async () => {
    const seen: string[] = [];
    const side = (name: string) => ({
      name,
      run: async () => (seen.push(name), round(1)),
      rest: async () => void seen.push(`after ${name}`),
    });
    await inTurn([side('a'), side('b')], 2, () => {});
    expect(seen).toEqual(['a', 'after a', 'b', 'after b', 'a', 'after a', 'b', 'after b']);
  });

  it('are compared inside each round', () => {
    const { ratio, verdict } = against(
      { ours: [round(50), round(100)], theirs: [round(100), round(200)] },
      'ours',
      'theirs',
      row,
    );
    expect({ ratio, verdict }).toEqual({ ratio: { median: 0.5, min: 0.5, max: 0.5 }, verdict: 'met' });
  });

  it('of which ours is the slower than it should be is short of its goal', () => {
    expect(against({ ours: [round(40)], theirs: [round(100)] }, 'ours', 'theirs', row).verdict).toBe('short');
  });

  it('say neither yes nor no when rounds differ by more than 30 %', () => {
    expect(
      against({ ours: [round(60), round(100)], theirs: [round(100), round(100)] }, 'ours', 'theirs', row).verdict,
    ).toBe('too noisy');
  });

  it('say nothing at all without a round', () =>
    expect(against({ ours: [], theirs: [] }, 'ours', 'theirs', row).verdict).toBe('too noisy'));

  it('are doubted when a request failed', () => {
    expect(failures({ ours: [round(1), round(1, 3)], theirs: [round(1)] })).toEqual([
      'round 2: 3 requests to ours failed',
    ]);
  });
});
