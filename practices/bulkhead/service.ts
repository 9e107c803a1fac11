import { CallPolicy, Upstream, type CallTerms } from '@shop/platform';
import { bulkhead, type BulkheadPolicy } from 'cockatiel';
import { z } from 'zod';
import { openLoop } from '../lab/open-loop.ts';
import { serve, takePart } from '../lab/part.ts';

export interface Wish {
  readonly hanging: string;
  readonly well: string;
  readonly rate: number;
  readonly seconds: number;
  readonly deadlineMs: number;
  readonly atOnce: number;
}

interface Count {
  ok: number;
  failed: number;
}

export interface Told {
  readonly innocent: Count;
  readonly others: Count;
}

/**
 * One limit for whatever this process calls, as a pool of threads or of connections is: as many more wait for their
 * turn, until their time is up.
 */
class OneHold extends CallPolicy {
  readonly #hold: BulkheadPolicy;

  constructor(atOnce: number) {
    super();
    this.#hold = bulkhead(atOnce, atOnce);
  }

  override execute<T>(call: (signal: AbortSignal) => Promise<T>, { signal }: CallTerms): Promise<T> {
    return this.#hold.execute(() => call(signal), signal);
  }
}

const { variant } = takePart();

/** A gateway with two services behind: the product's own `Upstream` for each. */
serve<Wish>(
  async ({ hanging, well, rate, seconds, deadlineMs, atOnce }): Promise<Told> => {
    const naive = variant === 'bulkheads' ? {} : { calls: new OneHold(2 * atOnce) };
    const options = { timeout: deadlineMs, connections: atOnce, ...naive };
    const [one, other] = [new Upstream('well', [well], options), new Upstream('hanging', [hanging], options)];
    const told = { innocent: { ok: 0, failed: 0 }, others: { ok: 0, failed: 0 } };
    const ask = async (upstream: Upstream, count: Count) => {
      try {
        await upstream.request({ method: 'GET', path: '/', schema: z.object({}) });
        count.ok++;
      } catch {
        count.failed++;
      }
    };
    await openLoop(
      rate,
      seconds,
      async () => void (await Promise.all([ask(one, told.innocent), ask(other, told.others)])),
    );
    return told;
  },
  () => Promise.resolve(),
);
