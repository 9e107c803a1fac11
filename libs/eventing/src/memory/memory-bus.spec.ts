import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { busTraits } from '../bus-traits.ts';
import { messageBusContract } from '../message-bus.contract.ts';
import { MemoryBus } from './memory-bus.ts';

messageBusContract({
  name: 'memory',
  open: () => new MemoryBus(),
  topic: async () => randomUUID(),
  traits: busTraits.memory,
});

describe('the bus in memory', () => {
  it('has not published a message before every group that reads its topic has handled it', async () => {
    const bus = new MemoryBus();
    let published = false;
    const publishing = bus
      .publish([{ topic: 'payments.commands', key: 'a', value: '{}' }])
      .then(() => (published = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(published).toBe(false);
    await bus.subscribe({
      group: 'payments.commands',
      topics: ['payments.commands'],
      maxInFlight: 1,
      handle: async () => {},
    });
    await publishing;
    expect(published).toBe(true);
  });
});
