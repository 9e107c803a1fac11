import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Health } from './health.ts';
import { Recurring } from './recurring.ts';

class Looks extends Recurring {
  readonly log = { warn: vi.fn() };
  looked = 0;
  todo: (stopping: AbortSignal) => Promise<void> = async () => {};

  constructor(readonly health: Health) {
    const log = { warn: vi.fn() };
    super({ what: 'looks', everyMs: 1_000, staleAfterMs: 5_000, log, health });
    this.log = log;
  }

  get isLive(): boolean {
    return this.health.report('live').status === 'ok';
  }

  protected override async look(stopping: AbortSignal): Promise<void> {
    this.looked++;
    await this.todo(stopping);
  }
}

describe('what recurs', () => {
  let looks: Looks;
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'] });
    looks = new Looks(new Health());
  });
  afterEach(async () => {
    await looks.onApplicationShutdown();
    vi.useRealTimers();
  });

  it('is done once for each tick', async () => {
    await looks.tick();
    await looks.tick();
    expect(looks.looked).toBe(2);
  });

  it('is told and done again when it fails, and is not live once it has failed for too long', async () => {
    looks.todo = () => Promise.reject(new Error('away'));
    await looks.tick();
    expect(looks.log.warn).toHaveBeenCalledWith({ err: new Error('away'), what: 'looks' }, expect.any(String));
    vi.setSystemTime(Date.now() + 5_000);
    expect(looks.isLive).toBe(true);
    vi.setSystemTime(Date.now() + 1);
    expect(looks.health.report('live').checks).toEqual({ looks: 'last look 5001 ms ago' });
    looks.todo = async () => {};
    await looks.tick();
    expect(looks.isLive).toBe(true);
  });

  it('is waited for by a shutdown, which tells it to end', async () => {
    let ended = false;
    looks.todo = (stopping) => new Promise((resolve) => stopping.addEventListener('abort', () => resolve(void (ended = true))));
    const ticking = looks.tick();
    await looks.onApplicationShutdown();
    await ticking;
    expect(ended).toBe(true);
  });
});

describe('what recurs by itself', () => {
  it('looks again after each look, one at a time, until it is shut down', async () => {
    const under = { now: 0, most: 0, looked: 0 };
    class Quick extends Recurring {
      protected override async look(): Promise<void> {
        under.most = Math.max(under.most, ++under.now);
        await new Promise((resolve) => setTimeout(resolve, 3));
        under.now--;
        under.looked++;
      }
    }
    const quick = new Quick({ what: 'quick', everyMs: 1, log: { warn: () => {} } });
    quick.onApplicationBootstrap();
    quick.onApplicationBootstrap();
    await vi.waitFor(() => expect(under.looked).toBeGreaterThan(2), { timeout: 10_000 });
    await quick.onApplicationShutdown();
    const { looked, now, most } = under;
    expect([now, most]).toEqual([0, 1]);
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(under.looked).toBe(looked);
  });
});
