import { describe, expect, it } from 'vitest';
import { findingsOf, type Fact } from './findings.ts';

/** `a1` is the first change of key a. */
const facts = (...names: string[]): Fact[] =>
  names.map((name) => ({ key: name[0] ?? '', sequence: Number(name.slice(1)) }));
const happened = facts('a1', 'a2', 'a3', 'b1', 'b2');
const clean = { happened: 5, lost: 0, doubled: 0, inverted: 0, invented: 0, cases: [] };

describe('the checker', () => {
  it('finds nothing where everything is seen once and in the order of its key', () => {
    expect(findingsOf(happened, facts('b1', 'a1', 'a2', 'b2', 'a3'))).toEqual(clean);
  });

  it('sees a loss', () => {
    expect(findingsOf(happened, facts('a1', 'a3', 'b1', 'b2'))).toEqual({ ...clean, lost: 1, cases: ['lost a #2'] });
  });

  it('sees a double, and does not take its second sighting for an inversion', () => {
    expect(findingsOf(happened, facts('a1', 'a2', 'a1', 'a3', 'b1', 'b2'))).toEqual({
      ...clean,
      doubled: 1,
      cases: ['doubled a #1'],
    });
  });

  it('sees an inversion within a key', () => {
    expect(findingsOf(happened, facts('a1', 'a3', 'a2', 'b1', 'b2'))).toEqual({
      ...clean,
      inverted: 1,
      cases: ['inverted a #2'],
    });
  });

  it('sees what never happened', () => {
    expect(findingsOf(happened, facts('a1', 'a2', 'a3', 'a4', 'b1', 'b2'))).toEqual({
      ...clean,
      invented: 1,
      cases: ['invented a #4'],
    });
  });

  it('counts everything and names the first cases', () => {
    const { lost, cases } = findingsOf(
      Array.from({ length: 100 }, (_, n) => ({ key: 'a', sequence: n + 1 })),
      [],
    );
    expect(lost).toBe(100);
    expect(cases).toHaveLength(5);
  });
});
