import { describe, expect, it, vi } from 'vitest';
import { InHand, type Position } from './in-hand.ts';

const log = { info: () => {}, warn: () => {}, error: () => {} };
const message = { topic: 't', partition: 3, key: 'k', value: 'v', headers: {} };

function member(handle = async () => {}) {
  const committed: bigint[] = [];
  const its = { mine: true, stands: -1n };
  const inHand = new InHand({
    subscribed: { group: 'g', topics: ['t'], maxInFlight: 2, handle },
    log,
    lookAgainAfterMs: 300,
    isMine: () => its.mine,
    commit: async (positions: readonly Position[]) => void committed.push(...positions.map(({ offset }) => offset)),
    committed: async (partitions) => partitions.map((each) => ({ ...each, offset: its.stands })),
  });
  return { inHand, committed, its };
}
const soon = (assertion: () => void) => vi.waitFor(assertion, { timeout: 5_000, interval: 10 });

describe('what a group member has handled', () => {
  it('is committed without being asked for', async () => {
    const { inHand, committed } = member();
    inHand.accept({ ...message, offset: 0n });
    inHand.accept({ ...message, offset: 1n });
    await soon(() => expect(committed).toEqual([2n]));
  });

  it('leaves its hands free for more', async () => {
    const first = Promise.withResolvers<void>();
    const { inHand } = member(() => first.promise);
    inHand.accept({ ...message, offset: 0n });
    expect(inHand.isFull).toBe(false);
    const done = new Promise<void>((resolve) => inHand.accept({ ...message, offset: 1n }, resolve));
    expect(inHand.isFull).toBe(true);
    first.resolve();
    await done;
    expect(inHand.isFull).toBe(false);
  });

  it('of a partition that is not its own is left to its owner, and committed when the partition comes back, though nothing more comes of it', async () => {
    const { inHand, committed, its } = member();
    its.mine = false;
    inHand.accept({ ...message, offset: 0n });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(committed).toEqual([]);
    its.mine = true;
    inHand.reassigned();
    await soon(() => expect(committed).toEqual([1n]));
  });

  it('of a partition that came back does not undo what its owner has handled meanwhile', async () => {
    const { inHand, committed, its } = member();
    its.mine = false;
    inHand.accept({ ...message, offset: 0n });
    await new Promise((resolve) => setTimeout(resolve, 100));
    Object.assign(its, { mine: true, stands: 5n });
    inHand.reassigned();
    inHand.accept({ ...message, offset: 5n });
    await soon(() => expect(committed).toEqual([6n]));
  });

  it('is committed again when somebody who was its owner has set it back', async () => {
    const { inHand, committed, its } = member();
    inHand.accept({ ...message, offset: 4n });
    inHand.reassigned();
    await soon(() => expect(committed).toEqual([5n]));
    its.stands = 2n;
    await soon(() => expect(committed.slice(0, 2)).toEqual([5n, 5n]));
  });
});
