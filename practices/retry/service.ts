import { HttpPaymentProvider } from '@shop/payments';
import { openLoop } from '../lab/open-loop.ts';
import { serve, takePart } from '../lab/part.ts';
import { ThreeRetries } from './three-retries.ts';

export interface Wish {
  readonly url: string;
  readonly rate: number;
  readonly seconds: number;
}

/** What became of payments. */
export interface Told {
  readonly ok: number;
  readonly failed: number;
  /** Of those that were asked for in the last quarter. */
  readonly failedLate: number;
}

/** The product's own client of the payment provider; how it makes its calls is all that differs. */
const { variant } = takePart();
const ATTEMPT_MS = 200;

serve<Wish>(
  async ({ url, rate, seconds }): Promise<Told> => {
    const naive = variant === 'budget' ? {} : { calls: () => new ThreeRetries(ATTEMPT_MS) };
    const provider = new HttpPaymentProvider({
      url,
      key: 'key-of-the-experiment',
      attemptMs: ATTEMPT_MS,
      deadlineMs: 2_000,
      ...naive,
    });
    const told = { ok: 0, failed: 0, failedLate: 0 };
    await openLoop(rate, seconds, async (number) => {
      try {
        await provider.authorise(`order-${number}`, { amount: 100, currency: 'EUR', paymentToken: 'tok_x' });
        told.ok++;
      } catch {
        told.failed++;
        if (number >= 0.75 * rate * seconds) told.failedLate++;
      }
    });
    await provider.close();
    return told;
  },
  () => Promise.resolve(),
);
