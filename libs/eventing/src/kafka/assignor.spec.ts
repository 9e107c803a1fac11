import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assign, type Assignment, type Subscriber } from './assignor.ts';

const topics = ['a', 'b', 'c', 'd'];
const groups = fc.uniqueArray(
  fc.record({ id: fc.string({ minLength: 1, maxLength: 8 }), topics: fc.subarray(topics) }),
  { selector: ({ id }) => id, maxLength: 7 },
);
const counts = fc
  .array(fc.nat(13), { minLength: 4, maxLength: 4 })
  .map((some) => new Map(topics.map((topic, n) => [topic, some[n] ?? 0])));
const of = (assignment: Assignment, id: string, topic: string) => assignment.get(id)?.get(topic) ?? [];
const wanting = (members: readonly Subscriber[], topic: string) =>
  members.filter((member) => member.topics.includes(topic));

describe('partitions are given', () => {
  it('each to one member that is subscribed to its topic, and none to any other', () =>
    fc.assert(
      fc.property(groups, counts, (members, partitions) => {
        const assignment = assign(members, partitions);
        for (const [topic, count] of partitions) {
          const given = wanting(members, topic).flatMap(({ id }) => of(assignment, id, topic));
          expect(given.toSorted((one, other) => one - other)).toEqual(
            wanting(members, topic).length === 0 ? [] : Array.from({ length: count }, (_, n) => n),
          );
          for (const { id, topics: subscribed } of members)
            if (!subscribed.includes(topic)) expect(of(assignment, id, topic)).toEqual([]);
        }
      }),
    ));

  it('evenly: of one topic nobody has two more than another, and where all want the same, of all topics neither', () =>
    fc.assert(
      fc.property(groups, counts, fc.boolean(), (some, partitions, alike) => {
        const members = some.map((member) => (alike ? { ...member, topics } : member));
        const assignment = assign(members, partitions);
        const spread = (sizes: number[]) => Math.max(0, ...sizes) - Math.min(...sizes, Infinity);
        for (const topic of topics)
          expect(spread(wanting(members, topic).map(({ id }) => of(assignment, id, topic).length))).toBeLessThanOrEqual(
            1,
          );
        if (alike)
          expect(
            spread(members.map(({ id }) => topics.reduce((sum, topic) => sum + of(assignment, id, topic).length, 0))),
          ).toBeLessThanOrEqual(1);
      }),
    ));

  it('alike by whoever decides: in whatever order members and topics are named', () =>
    fc.assert(
      fc.property(groups, counts, (members, partitions) => {
        const reversed = assign(
          members.map((member) => ({ ...member, topics: member.topics.toReversed() })).toReversed(),
          new Map([...partitions].toReversed()),
        );
        for (const { id } of members)
          for (const topic of topics)
            expect(of(reversed, id, topic)).toEqual(of(assign(members, partitions), id, topic));
      }),
    ));

  it.each([2, 3, 4, 6])('so that most stay where they are when one member more comes to %i', (size) => {
    const members = Array.from({ length: size + 1 }, (_, n) => ({ id: `shop-${n * 7919}`, topics }));
    const partitions = new Map(topics.map((topic) => [topic, 12]));
    const [before, after] = [assign(members.slice(0, size), partitions), assign(members, partitions)];
    const stayed = members.flatMap(({ id }) =>
      topics.flatMap((topic) => of(before, id, topic).filter((partition) => of(after, id, topic).includes(partition))),
    ).length;
    // At best all but the newcomer's share.
    expect(stayed).toBeGreaterThan(48 * (size / (size + 1)) * 0.6);
  });
});
