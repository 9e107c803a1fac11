import { createHash } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fold, upcast } from '@shop/kernel';
import { describe, expect, it } from 'vitest';
import { order, type OrderEvent } from './domain/order.ts';
import { orderUpcasters } from './domain/upcasters.ts';
import { orderProcess } from './order-process.ts';

interface Recorded {
  /** Recorded before there were forms, or in the first: without one. */
  events: { version: number; type: string; schemaVersion?: number; data: object }[];
  state: object;
}

const folder = join(import.meta.dirname, '../golden');
const corpus = globSync('*.json', { cwd: folder })
  .sort()
  .map((file) => ({ file, text: readFileSync(join(folder, file), 'utf8') }));

const today = ({ schemaVersion = 1, ...event }: Recorded['events'][number]) =>
  upcast<OrderEvent>({ ...event, schemaVersion }, orderUpcasters);

/** What is in the event store was written by some earlier version: it has to lead to the same order for ever. */
describe('an order from the past', () => {
  it.each(corpus)('is what it was: $file', ({ file, text }) => {
    expect(file, 'a golden file is never edited').toContain(
      createHash('sha256').update(text).digest('hex').slice(0, 12),
    );
    const { events, state } = JSON.parse(text) as Recorded;
    expect(fold(order, events.map(today))).toEqual(state);
  });

  it.each(corpus)('can be told to others by the contracts of today: $file', ({ text }) => {
    const { events } = JSON.parse(text) as Recorded;
    let state = order.initial;
    for (const stored of events) {
      const event = today(stored);
      state = order.evolve(state, event);
      for (const { contract, data } of orderProcess.announce(event, state, stored.version))
        expect(contract.data.safeParse(data).error).toBeUndefined();
    }
  });

  it('is there for every way in which an order can end', () => {
    const ways = new Set(corpus.map(({ file }) => file.split('-after-')[0]));
    expect([...ways].sort()).toEqual([
      'cancelled-customer',
      'cancelled-out-of-stock',
      'cancelled-payment-declined',
      'cancelled-timed-out',
      'confirmed',
    ]);
  });

  it('is there in every form that its events ever had', () => {
    const stored = corpus.flatMap(({ text }) => (JSON.parse(text) as Recorded).events);
    const recorded = new Set(stored.map(({ type, schemaVersion = 1 }) => `${type} ${schemaVersion}`));
    const forms = Object.entries(orderUpcasters).flatMap(([type, steps]) =>
      [1, ...steps.map((_, index) => index + 2)].map((form) => `${type} ${form}`),
    );
    expect(forms.filter((form) => !recorded.has(form))).toEqual([]);
  });
});
