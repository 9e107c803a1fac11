import { describe, expect, it } from 'vitest';
import { ReadAhead, type LoggedMessage } from './read-ahead.ts';
import { BATCH, BATCH_BYTES } from './relay.ts';

const message = (id: number, bytes = 1): LoggedMessage => ({
  shard: 0,
  id: String(id),
  topic: 't',
  key: 'k',
  payload: 'x'.repeat(bytes),
  committedAt: id,
  readAt: id,
});
const ids = (messages: readonly LoggedMessage[]) => messages.map(({ id }) => Number(id));

describe('what was read ahead of the log', () => {
  it('is taken in order and whole: what has begun waits for its end', () => {
    const ahead = new ReadAhead();
    ahead.add(message(1));
    expect(ahead.isReady).toBe(false);
    ahead.add(message(2));
    ahead.reached(10n);
    ahead.add(message(3));
    expect(ahead.isReady).toBe(true);
    expect(ahead.take()).toMatchObject({ messages: [{ id: '1' }, { id: '2' }], upTo: 10n });
    expect(ahead.isReady).toBe(false);
    ahead.reached(20n);
    expect(ahead.take()).toMatchObject({ messages: [{ id: '3' }], upTo: 20n });
    ahead.reached(30n);
    expect(ahead.take()).toEqual({ messages: [], upTo: 30n });
    expect(ahead.isReady).toBe(false);
  });

  it('names no place within a transaction larger than a batch, until its end', () => {
    const ahead = new ReadAhead();
    for (let id = 1; id <= BATCH + 1; id++) ahead.add(message(id));
    expect(ahead.isReady).toBe(true);
    ahead.reached(10n);
    const first = ahead.take();
    expect([first.messages.length, first.upTo]).toEqual([BATCH, undefined]);
    expect(ahead.isReady).toBe(true);
    expect(ahead.take()).toMatchObject({ messages: [{ id: String(BATCH + 1) }], upTo: 10n });
  });

  it('is bounded by bytes, but for one that is larger by itself', () => {
    const ahead = new ReadAhead();
    for (const [index, bytes] of [BATCH_BYTES - 1, 1, 1, 2 * BATCH_BYTES, 1].entries())
      ahead.add(message(index, bytes));
    ahead.reached(10n);
    expect([ahead.take(), ahead.take(), ahead.take(), ahead.take()].map(({ messages }) => ids(messages))).toEqual([
      [0, 1],
      [2],
      [3],
      [4],
    ]);
  });

  it('is full at some megabytes, and no longer when it has been taken', () => {
    const ahead = new ReadAhead();
    for (let id = 0; id < 4; id++) ahead.add(message(id, BATCH_BYTES));
    expect(ahead.isFull).toBe(true);
    ahead.take();
    expect(ahead.isFull).toBe(false);
  });
});
