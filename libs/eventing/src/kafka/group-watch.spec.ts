import { describe, expect, it } from 'vitest';
import type { Lost } from '../bus.ts';
import { GroupWatch, type Standing } from './group-watch.ts';

const log = { info: () => {}, warn: () => {}, error: () => {} };

/** A member of a group on one topic, whose broker says what `stands` holds. */
function watched(...stands: Omit<Standing, 'topic'>[]) {
  const [lost, its] = [[] as Lost[], { grown: 0, mine: true, now: 0, away: false }];
  const watch = new GroupWatch({
    view: {
      standings: async () => {
        if (its.away) throw new Error('no answer');
        return stands.map((each) => ({ topic: 't', ...each }));
      },
      close: async () => {},
    },
    subscribed: { group: 'g', topics: ['t'], onLost: (one) => lost.push(one) },
    log,
    isMine: () => its.mine,
    grown: () => its.grown++,
    clock: () => its.now,
  });
  return { watch, lost, its, stands };
}
const one = { partition: 0, first: 0n, end: 10n, committed: 10n };

describe('messages that are gone before their group has read them', () => {
  it('are told once, with their number, where the group stands before the first that is there', async () => {
    const { watch, lost } = watched({ ...one, first: 7n, committed: 4n });
    await watch.look();
    await watch.look();
    expect(lost).toEqual([{ topic: 't', partition: 0, messages: 3, why: 'expired' }]);
  });

  it('are told by the member whose partition it is', async () => {
    const { watch, lost, its } = watched({ ...one, first: 7n, committed: 4n });
    its.mine = false;
    await watch.look();
    expect(lost).toEqual([]);
  });

  it('are not those that are handled and merely not committed yet', async () => {
    const { watch, lost } = watched({ ...one, first: 5n, committed: 4n });
    for (const offset of [4n, 5n, 6n]) watch.took('t', 0, offset);
    await watch.look();
    expect(lost).toEqual([]);
  });

  it('are seen although the client has gone on silently and committed what came after them', async () => {
    const { watch, lost } = watched({ ...one, first: 7n });
    watch.took('t', 0, 3n);
    watch.took('t', 0, 7n);
    await watch.look();
    watch.jumped('t', 0, 2n);
    await watch.look();
    expect(lost.map(({ messages }) => messages)).toEqual([3]);
  });

  it('are seen although the client has committed where it goes on before its first message', async () => {
    const { watch, lost, stands } = watched({ ...one, first: 0n, committed: 4n });
    await watch.look();
    stands[0] = { ...one, first: 7n, committed: 7n };
    watch.took('t', 0, 7n);
    await watch.look();
    expect(lost.map(({ messages }) => messages)).toEqual([3]);
  });

  it('are not those that compaction has taken: later messages of their keys are there', async () => {
    const { watch, lost } = watched(one);
    for (const offset of [0n, 4n, 9n]) watch.took('t', 0, offset);
    await watch.look();
    expect(lost).toEqual([]);
  });

  it('are as many as nobody knows where the topic was made anew', async () => {
    const { watch, lost } = watched({ ...one, committed: 40n });
    await watch.look();
    expect(lost).toEqual([{ topic: 't', partition: 0, messages: undefined, why: 'made anew' }]);
  });
});

describe('a topic that gets more partitions', () => {
  it('has its members join anew, once, and none of those who know them already', async () => {
    const { watch, its, stands } = watched(one);
    watch.joined(new Map([['t', 1]]));
    await watch.look();
    expect(its.grown).toBe(0);
    stands.push({ ...one, partition: 1 });
    await watch.look();
    await watch.look();
    expect(its.grown).toBe(1);
    watch.joined(new Map([['t', 2]]));
    await watch.look();
    expect(its.grown).toBe(1);
  });

  it('has its members join anew also when they could not ask for its partitions as they joined: then they know what they knew before', async () => {
    const { watch, its, stands } = watched(one);
    watch.joined(new Map([['t', 1]]));
    await watch.look();
    watch.startOver();
    watch.joined(undefined);
    await watch.look();
    stands.push({ ...one, partition: 1 });
    await watch.look();
    expect(its.grown).toBe(1);
  });

  it('is counted as unread where messages lie on a partition of which nothing was ever acknowledged', async () => {
    const { watch } = watched(
      one,
      { ...one, partition: 1, committed: -1n },
      { ...one, partition: 2, end: 0n, committed: -1n },
    );
    await watch.look();
    expect(watch.unread).toBe(1);
  });
});

describe('what a group has not acknowledged', () => {
  it('is counted after its position, or after the oldest message that is there, whoever reads the partition', async () => {
    const { watch, its } = watched(
      { ...one, committed: 4n },
      { ...one, partition: 1, first: 7n, committed: -1n },
      { ...one, partition: 2 },
    );
    its.mine = false;
    await watch.look();
    expect(watch.behind).toEqual({ messages: 6 + 3, standsStillMs: 0 });
  });

  it('stands still for as long as nothing of a partition is acknowledged, and not where something is', async () => {
    const { watch, its, stands } = watched({ ...one, committed: 4n }, { ...one, partition: 1, committed: 4n });
    await watch.look();
    [its.now, stands[1]] = [30_000, { ...one, partition: 1, committed: 5n }];
    await watch.look();
    expect(watch.behind.standsStillMs).toBe(30_000);
    [its.now, stands[0]] = [40_000, { ...one, end: 20n, committed: 10n }];
    await watch.look();
    expect(watch.behind.standsStillMs).toBe(10_000);
  });

  it('is what it was at the last look while the broker does not answer', async () => {
    const { watch, its } = watched({ ...one, committed: 4n });
    await watch.look();
    [its.now, its.away] = [30_000, true];
    await watch.look();
    expect(watch.behind).toEqual({ messages: 6, standsStillMs: 0 });
    expect(watch.unread).toBe(0);
  });
});
