import { createHash } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fold } from '@shop/kernel';
import { describe, expect, it } from 'vitest';
import { order, type OrderEvent } from './domain/order.ts';
import { orderProcess } from './order-process.ts';

interface Recorded {
  events: { version: number; type: string; data: object }[];
  state: object;
}

const folder = join(import.meta.dirname, '../golden');
const corpus = globSync('*.json', { cwd: folder }).sort().map((file) => ({ file, text: readFileSync(join(folder, file), 'utf8') }));

/** What is in the event store was written by some earlier version: it has to lead to the same order for ever. */
describe('an order from the past', () => {
  it.each(corpus)('is what it was: $file', ({ file, text }) => {
    expect(file, 'a golden file is never edited').toContain(createHash('sha256').update(text).digest('hex').slice(0, 12));
    const { events, state } = JSON.parse(text) as Recorded;
    expect(fold(order, events.map(({ type, data }) => ({ type, ...data }) as OrderEvent))).toEqual(state);
  });

  it.each(corpus)('can be told to others by the contracts of today: $file', ({ text }) => {
    const { events } = JSON.parse(text) as Recorded;
    let state = order.initial;
    for (const { version, type, data } of events) {
      const event = { type, ...data } as OrderEvent;
      state = order.evolve(state, event);
      for (const { contract, data } of orderProcess.announce(event, state, version)) expect(contract.data.safeParse(data).error).toBeUndefined();
    }
  });

  it('is there for every way in which an order can end', () => {
    const ways = new Set(corpus.map(({ file }) => file.split('-after-')[0]));
    expect([...ways].sort()).toEqual(['cancelled-customer', 'cancelled-out-of-stock', 'cancelled-payment-declined', 'cancelled-timed-out', 'confirmed']);
  });
});
