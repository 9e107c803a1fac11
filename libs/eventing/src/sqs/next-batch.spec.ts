import { describe, expect, it } from 'vitest';
import { nextBatch } from './sqs-bus.ts';

const entry = (Id: string, MessageGroupId: string, MessageBody = '') => ({ Id, MessageGroupId, MessageBody });
const ids = (entries: readonly { Id: string | undefined }[]) => entries.map(({ Id }) => Id).join('');

describe('what goes into one request to SQS', () => {
  it('is ten messages at most', () => {
    const { batch, rest } = nextBatch([...'abcdefghijkl'].map((id) => entry(id, id)));
    expect([ids(batch), ids(rest)]).toEqual(['abcdefghij', 'kl']);
  });

  it('is one message of a key, so that none of its successors is taken when it is not', () => {
    const { batch, rest } = nextBatch([entry('1', 'a'), entry('2', 'a'), entry('3', 'b'), entry('4', 'a')]);
    expect([ids(batch), ids(rest)]).toEqual(['13', '24']);
  });

  it('is as many bytes as SQS takes at once, and what is too large goes alone, to be refused', () => {
    const large = 'x'.repeat(800_000);
    const { batch, rest } = nextBatch([entry('1', 'a', large), entry('2', 'b', large), entry('3', 'c')]);
    expect([ids(batch), ids(rest)]).toEqual(['1', '23']);
    expect(ids(nextBatch([entry('1', 'a', large + large)]).batch)).toBe('1');
  });
});
