import { expect, it } from 'vitest';
import { zipf } from './traffic.ts';

const chosen = zipf(
  Array.from({ length: 1_000 }, (_, n) => n),
  20_000,
);
const times = (value: number) => chosen.filter((each) => each === value).length;

it('chooses as people do: the second most popular half as often as the first', () => {
  expect(times(0) / times(1)).toBeGreaterThan(1.7);
  expect(times(0) / times(1)).toBeLessThan(2.3);
  expect(times(0) / chosen.length).toBeGreaterThan(0.1);
});

it('has the unpopular ones, too, and chooses the same each time', () => {
  expect(new Set(chosen).size).toBeGreaterThan(800);
  expect(zipf(['a', 'b', 'c'], 5)).toEqual(zipf(['a', 'b', 'c'], 5));
});
