import { describe, expect, it } from 'vitest';
import { markOf, restoredFrom, sentenceOfRestored, textOf, type StoreMark, type StoreStanding } from './store-mark.ts';

const [first, second] = ['01a2048b-0302-77ae-933f-f0de52be0f15', '01a2048b-0302-77ae-933f-f0de52be0f16'];
const at = '2026-12-01T10:00:00.000Z';
const store = (mark: number, epoch = first, follows: StoreStanding['follows'] = []): StoreStanding => ({
  epoch,
  mark,
  at,
  follows,
});
const bus = (mark: number, epoch = first): StoreMark => ({ epoch, mark, at: '2026-12-01T12:00:00.000Z' });

describe('a database beside what the bus last heard of it', () => {
  it.each<[string, StoreStanding, StoreMark | undefined, 'older' | 'another' | undefined]>([
    ['is well at the first start ever, and where the bus was lost', store(7), undefined, undefined],
    ['is well where it stands as far', store(7), bus(7), undefined],
    ['is well where it stands further: what it had counted was not published yet', store(9), bus(7), undefined],
    ['is an older state where it stands behind', store(6), bus(7), 'older'],
    ['is another where nobody has heard of its epoch: it was made anew', store(900, second), bus(7), 'another'],
    ['is an older state of before an epoch began', store(7), bus(1, second), 'another'],
    [
      'is well where its epoch went on from there by the word of a person',
      store(0, second, [{ epoch: first, mark: 7 }]),
      bus(7),
      undefined,
    ],
    ['is not where the old one went on after that', store(0, second, [{ epoch: first, mark: 7 }]), bus(8), 'another'],
  ])('%s', (_, standing, last, expected) => expect(restoredFrom(standing, last)).toBe(expected));

  it('is told to people with both times and the next step', () => {
    const told = sentenceOfRestored('orders', 'older', store(6), bus(7));
    expect(told).toContain(
      'of 2026-12-01T10:00:00.000Z; the bus knows what it had done until 2026-12-01T12:00:00.000Z (mark 7, here 6)',
    );
    expect(told).toContain('npm run events -- reconcile orders --after-restore');
    expect(sentenceOfRestored('orders', 'another', store(6, second), bus(7))).toContain(
      'is not the one that the bus knows',
    );
  });

  it('reads a mark as it was published', () => expect(markOf(textOf(bus(7)))).toEqual(bus(7)));
});
