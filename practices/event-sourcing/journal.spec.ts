import { describe, expect, it } from 'vitest';
import { mark, moments, type Entry, type Marks, type Told } from './journal.ts';

const journal: Entry[] = [
  { status: 'placed', askedAt: 10, answeredAt: 20 },
  { status: 'reserved', askedAt: 30, answeredAt: 40 },
  { status: 'cancelled', reason: 'customer', askedAt: 50, answeredAt: 60 },
];
const truth: Told = {
  states: ['placed', 'reserved', 'cancelled'],
  since: { placed: 12, reserved: 35, cancelled: 60 },
  cancelled: { from: 'reserved', reason: 'customer' },
};
const marked = (told: Told): Omit<Marks, 'cases'> => {
  const marks: Marks = { asked: 0, right: 0, wrong: 0, unanswered: 0, cases: [] };
  mark(marks, 'o', journal, told);
  const { cases, ...counts } = marks;
  expect(cases).toHaveLength(counts.wrong + counts.unanswered);
  return counts;
};

describe('what a client wrote down', () => {
  it('finds nothing wrong with the truth', () =>
    expect(marked(truth)).toEqual({ asked: 7, right: 7, wrong: 0, unanswered: 0 }));

  it.each<[string, Partial<Told>, Partial<Marks>]>([
    ['a state that it was not in', { states: ['placed', 'placed', 'cancelled'] }, { wrong: 1 }],
    ['a state it is said never to have been in', { since: { placed: 12, cancelled: 60 } }, { unanswered: 1 }],
    ['a time before it was asked for', { since: { ...truth.since, reserved: 29 } }, { wrong: 1 }],
    ['a time after it was told', { since: { ...truth.since, reserved: 41 } }, { wrong: 1 }],
    ['another reason', { cancelled: { from: 'reserved', reason: 'timed-out' } }, { wrong: 1 }],
    ['another state before its end', { cancelled: { from: 'placed', reason: 'customer' } }, { wrong: 1 }],
    ['nothing at all', { states: [], since: {}, cancelled: undefined }, { unanswered: 7, right: 0 }],
  ])('contradicts %s', (_what, told, expected) => expect(marked({ ...truth, ...told })).toMatchObject(expected));

  it('asks about no moment at which the next change may have happened already', () => {
    const [placed, reserved] = journal as [Entry, Entry];
    expect(moments([placed, { ...reserved, askedAt: 20 }])).toEqual([{ at: 40, status: 'reserved' }]);
  });
});
