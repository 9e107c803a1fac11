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
    vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] });
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

  it('is told and done again when it fails, and is live all the same: a database that is away is not brought back by a restart', async () => {
    looks.todo = () => Promise.reject(new Error('away'));
    for (let n = 0; n < 10; n++) {
      vi.advanceTimersByTime(4_000);
      await looks.tick();
    }
    expect(looks.log.warn).toHaveBeenCalledWith({ err: new Error('away'), what: 'looks' }, expect.any(String));
    expect(looks.isLive).toBe(true);
  });

  it('is not live while it hangs', async () => {
    await looks.tick();
    const over = Promise.withResolvers<void>();
    looks.todo = () => over.promise;
    const hanging = looks.tick();
    vi.advanceTimersByTime(5_000);
    expect(looks.isLive).toBe(true);
    vi.advanceTimersByTime(1);
    expect(looks.health.report('live').checks).toEqual({ looks: 'last look 5001 ms ago' });
    over.resolve();
    await hanging;
    expect(looks.isLive).toBe(true);
  });

  it('is waited for by a shutdown, which tells it to end', async () => {
    let ended = false;
    looks.todo = (stopping) =>
      new Promise((resolve) => stopping.addEventListener('abort', () => resolve(void (ended = true))));
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
