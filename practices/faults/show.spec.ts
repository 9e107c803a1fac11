import { describe, expect, it } from 'vitest';
import type { Violation } from '../checker/evidence.ts';
import { byKind } from './show.ts';

describe('what a run broke', () => {
  const untold = (n: number): Violation => ({
    invariant: 'I2',
    about: `event payments.events 01a231e7-d1ce-7a71-b24c-31da00d4443${n} #${n}`,
    what: 'happened, and nobody was told',
  });

  it('is shown by kind: what comes often hides nothing else', () => {
    const rare: Violation = { invariant: 'I6', about: 'order 7', what: 'is still placed, and nobody is told' };
    const often = [1, 2, 3, 4, 5].map(untold);
    expect(byKind([...often, rare])).toEqual([
      ...often.slice(0, 3).map(({ about, what }) => `  I2  ${about}: ${what}`),
      '      and 2 more of this kind',
      '  I6  order 7: is still placed, and nobody is told',
    ]);
  });

  it('is not shown without end', () => {
    const kinds = Array.from({ length: 14 }, (_, n): Violation => ({ ...untold(1), what: 'x'.repeat(n) }));
    expect(byKind(kinds).slice(-1)).toEqual(['  and 2 more kinds']);
  });
});
