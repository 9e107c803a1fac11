import { describe, expect, it } from 'vitest';
import { problemsOf } from './readings.ts';

describe('what a reader was shown', () => {
  it('is all that was there, once', () =>
    expect(problemsOf(['a', 'b', 'c'], ['a', 'c'])).toEqual({ shown: 3, doubled: 0, skipped: 0 }));
  it('lacks what was there all the while', () =>
    expect(problemsOf(['a', 'c'], ['a', 'b', 'c'])).toMatchObject({ doubled: 0, skipped: 1 }));
  it('has something twice, and once more for each time after that', () =>
    expect(problemsOf(['a', 'b', 'b', 'b'], ['a', 'b'])).toMatchObject({ doubled: 2, skipped: 0 }));
});
