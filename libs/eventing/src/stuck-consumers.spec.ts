import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MemoryBus } from './memory/memory-bus.ts';
import { StuckConsumers } from './stuck-consumers.ts';

class Bus extends MemoryBus {
  away = false;
  override async end() {
    if (this.away) throw new Error('nobody answers');
    return { isReached: async () => true };
  }
}

describe('a consumer that hears nothing of the bus', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] }));
  afterEach(() => void vi.useRealTimers());

  const watched = () => {
    const [bus, runtime] = [new Bus(), { name: 'orders.saga' as const, idle: 0, idleMs: () => runtime.idle }];
    const stuck = new StuckConsumers(bus, 30_000);
    return { bus, runtime, check: stuck.watch(runtime) };
  };

  it('is stuck when the bus answers the same process', async () => {
    const { runtime, check } = watched();
    runtime.idle = 31_000;
    expect(check()).toBeUndefined();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(check()).toBe('last poll 31000 ms ago, and the bus answers');
    runtime.idle = 10;
    expect(check()).toBeUndefined();
  });

  it('is not to blame while the bus answers nobody, however long, also when it answered before', async () => {
    const { bus, runtime, check } = watched();
    bus.away = true;
    runtime.idle = 31_000;
    await vi.advanceTimersByTimeAsync(600_000);
    expect(check()).toBeUndefined();
    bus.away = false;
    await vi.advanceTimersByTimeAsync(5_000);
    expect(check()).toBeDefined();
    bus.away = true;
    await vi.advanceTimersByTimeAsync(15_000);
    expect(check()).toBeUndefined();
  });
});
