import { crc32 } from 'node:zlib';

/**
 * Who gets which partitions, and its version. Members of one group must have the same: the broker hands out what one of
 * them decides, and each of them may be the one. A change that gives other members other partitions is another version.
 */
export const ASSIGNOR = 'by subscription, 1';

export interface Subscriber {
  readonly id: string;
  readonly topics: readonly string[];
}

/** By member and topic. */
export type Assignment = ReadonlyMap<string, ReadonlyMap<string, readonly number[]>>;

/**
 * Gives the partitions of each topic to the members that are subscribed to it, and to no others: a version that reads
 * one topic more works beside one that does not know it. Within a topic nobody has two more than another, and of what
 * is left over each gets as little as those who have the least so far. Who gets what is decided by names alone, in
 * whatever order they come: the same members always share in the same way, and when one comes or goes most partitions
 * stay where they are.
 */
export function assign(members: readonly Subscriber[], partitions: ReadonlyMap<string, number>): Assignment {
  const assigned = new Map(members.map(({ id }): [string, Map<string, number[]>] => [id, new Map()]));
  const totals = new Map(members.map(({ id }) => [id, 0]));
  for (const [topic, count] of [...partitions].sort(([one], [other]) => compare(one, other))) {
    const room = roomOf(
      members.flatMap(({ id, topics }) => (topics.includes(topic) ? [id] : [])),
      count,
      totals,
    );
    for (let partition = 0; partition < count && room.size > 0; partition++) {
      const id = dearest(room, `${topic}:${partition}`);
      const left = (room.get(id) ?? 0) - 1;
      if (left > 0) room.set(id, left);
      else room.delete(id);
      totals.set(id, (totals.get(id) ?? 0) + 1);
      const own = assigned.get(id);
      own?.set(topic, [...(own.get(topic) ?? []), partition]);
    }
  }
  return assigned;
}

/** How many partitions of a topic each of its subscribers gets. */
function roomOf(
  subscribers: readonly string[],
  count: number,
  totals: ReadonlyMap<string, number>,
): Map<string, number> {
  const each = Math.floor(count / Math.max(1, subscribers.length));
  const poorest = subscribers.toSorted(
    (one, other) => (totals.get(one) ?? 0) - (totals.get(other) ?? 0) || compare(one, other),
  );
  const room = poorest.map((id, n): [string, number] => [id, each + (n < count % subscribers.length ? 1 : 0)]);
  return new Map(room.filter(([, wanted]) => wanted > 0));
}

/**
 * The member with room that a place falls to: by a hash of both, which the coming and going of others does not change.
 */
function dearest(room: ReadonlyMap<string, number>, place: string): string {
  const ranked = [...room.keys()].map((id): [string, number] => [id, crc32(`${place} ${id}`)]);
  return ranked.reduce((best, one) =>
    one[1] > best[1] || (one[1] === best[1] && compare(one[0], best[0]) < 0) ? one : best,
  )[0];
}

/** Not by any language's order: every instance must come to the same. */
const compare = (one: string, other: string) => (one < other ? -1 : one > other ? 1 : 0);
