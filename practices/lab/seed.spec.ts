import { describe, expect, it } from 'vitest';
import { keysFrom, numbersFrom, popular, spread } from './seed.ts';

describe('a seed', () => {
  it('gives every variant the same load and the same kills, and another seed others', () => {
    const plan = (seed: number) => {
      const next = numbersFrom(seed);
      const keys = keysFrom(next, 5);
      return [keys, Array.from({ length: 20 }, popular(next, keys)), spread(next, 3, 100)];
    };
    expect(plan(7)).toEqual(plan(7));
    expect(plan(7)).not.toEqual(plan(8));
  });

  it('makes some keys popular', () => {
    const next = numbersFrom(1);
    const picked = Array.from({ length: 1_000 }, popular(next, ['first', 'second', 'third', 'fourth']));
    const count = (name: string) => picked.filter((one) => one === name).length;
    expect(count('first')).toBeGreaterThan(count('fourth') * 2);
    expect(count('fourth')).toBeGreaterThan(0);
  });

  it('spreads the kills over the whole load: in order, none twice, none beyond its end', () => {
    for (let seed = 0; seed < 200; seed++) {
      const places = spread(numbersFrom(seed), 5, 60);
      expect(places).toEqual([...new Set(places)].sort((a, b) => a - b));
      expect(places.at(-1)).toBeLessThan(60);
    }
  });
});
