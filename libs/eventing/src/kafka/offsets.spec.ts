import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Offsets } from './offsets.ts';

describe('what may be committed', () => {
  it('is nothing before the first delivery is handled', () => {
    const offsets = new Offsets();
    offsets.add(7n);
    expect(offsets.next).toBeUndefined();
  });

  it('never passes a delivery that is still in hand, in whatever order they are handled', () =>
    fc.assert(
      fc.property(fc.shuffledSubarray([...Array(12).keys()], { minLength: 12 }), (order) => {
        const offsets = new Offsets();
        const handled = order.map((_, offset) => offsets.add(BigInt(offset)));
        const done = new Set<number>();
        let committed = 0n;
        for (const offset of order) {
          handled[offset]?.();
          done.add(offset);
          committed = offsets.next ?? committed;
          for (let before = 0; before < committed; before++) expect(done).toContain(before);
        }
        expect(committed).toBe(12n);
      }),
    ));

  it('is said until it is committed, and again when more has been handled meanwhile', () => {
    const offsets = new Offsets();
    const [first, second] = [offsets.add(3n), offsets.add(4n)];
    first();
    expect([offsets.next, offsets.next]).toEqual([4n, 4n]);
    second();
    offsets.committed(4n);
    expect(offsets.next).toBe(5n);
    offsets.committed(5n);
    expect(offsets.next).toBeUndefined();
  });

  it('forgets what was noted when the partition is read again', () => {
    const offsets = new Offsets();
    const stale = offsets.add(3n);
    offsets.add(4n);
    const again = offsets.add(3n);
    stale();
    expect(offsets.next).toBeUndefined();
    again();
    expect(offsets.next).toBe(4n);
  });
});
