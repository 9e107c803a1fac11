import { describe, expect, it } from 'vitest';
import { percentile, spread } from './bench.ts';
import { withFigures } from './results.ts';

describe('the spread of rounds', () => {
  it('is their median, least and most', () => {
    expect(spread([5, 1, 3])).toEqual({ median: 3, min: 1, max: 5 });
    expect(spread([4, 1, 2, 3])).toEqual({ median: 2.5, min: 1, max: 4 });
  });
});

describe('a percentile', () => {
  it('is a value that was measured', () => {
    const values = Array.from({ length: 100 }, (_, n) => 100 - n);
    expect([percentile(values, 50), percentile(values, 99), percentile(values, 100)]).toEqual([51, 100, 100]);
  });
});

describe('a page with figures', () => {
  const page = 'before\n<!-- bench x -->\nold\n<!-- /bench x -->\nafter\n';

  it('gets new ones between its marks', () =>
    expect(withFigures(page, 'x', 'new')).toBe('before\n<!-- bench x -->\nnew\n<!-- /bench x -->\nafter\n'));

  it('that has lost its marks is not written to', () =>
    expect(() => withFigures('before', 'x', 'new')).toThrow('<!-- bench x -->'));
});
