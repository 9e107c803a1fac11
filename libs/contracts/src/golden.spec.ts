import { describe, expect, it } from 'vitest';
import { golden } from './golden.fixture.ts';
import { cloudEvent, messages } from './index.ts';

/**
 * What is on topics, in dead letters and behind parked keys was sent by some earlier version: it has to be readable for
 * ever.
 */
describe('a message from the past', () => {
  it.each(golden())('is read as it was meant: $file', ({ message, untouched }) => {
    expect(untouched, 'a golden file is never edited').toBe(true);
    const envelope = cloudEvent.parse(message);
    const contract = messages.get(envelope.type);
    expect(contract, `${envelope.type} is not declared any more`).toBeDefined();
    expect(envelope.source).toBe(contract?.source);
    // Nothing is dropped: every field that was sent is still known.
    expect({ ...envelope, data: contract?.data.parse(envelope.data) }).toEqual(message);
  });

  it('is there of every type ("npm run golden" records what is missing from a running shop)', () => {
    expect([...messages.keys()].filter((type) => !golden().some(({ message }) => message.type === type))).toEqual([]);
  });
});
