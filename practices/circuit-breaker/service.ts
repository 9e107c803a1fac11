import { setTimeout as sleep } from 'node:timers/promises';
import { HttpPaymentProvider } from '@shop/payments';
import { ResilientCalls } from '@shop/platform';
import { serve, takePart } from '../lab/part.ts';

export interface Wish {
  readonly url: string;
  readonly clients: number;
  readonly seconds: number;
  readonly attemptMs: number;
}

export interface Told {
  readonly requests: number;
  readonly answered: number;
  readonly waitedMs: number;
  readonly p99Ms: number;
}

/** A client that was told no does not ask again in the same moment. */
const PAUSE_MS = 20;
const { variant } = takePart();

/** The product's own calls, but that nothing counts as the provider's failure: the circuit stays closed. */
const withoutBreaker = (attemptMs: number) => () =>
  new ResilientCalls({
    name: 'provider',
    isFailure: () => false,
    isPassing: () => true,
    retries: 2,
    longestPause: 500,
    atOnce: 24,
    queue: 48,
    attemptMs,
  });

serve<Wish>(
  async ({ url, clients, seconds, attemptMs }): Promise<Told> => {
    const naive = variant === 'breaker' ? {} : { calls: withoutBreaker(attemptMs) };
    const provider = new HttpPaymentProvider({
      url,
      key: 'key-of-the-experiment',
      attemptMs,
      deadlineMs: 2_000,
      ...naive,
    });
    const waits: number[] = [];
    let answered = 0;
    const until = performance.now() + seconds * 1_000;
    const client = async (_: unknown, index: number) => {
      for (let number = 0; performance.now() < until; number++, await sleep(PAUSE_MS)) {
        const since = performance.now();
        await provider
          .authorise(`order-${index}-${number}`, { amount: 100, currency: 'EUR', paymentToken: 'tok_x' })
          .then(
            () => answered++,
            () => undefined,
          );
        waits.push(performance.now() - since);
      }
    };
    await Promise.all(Array.from({ length: clients }, client));
    await provider.close();
    const inTurn = waits.toSorted((a, b) => a - b);
    return {
      requests: waits.length,
      answered,
      waitedMs: waits.reduce((sum, each) => sum + each, 0),
      p99Ms: inTurn[Math.floor(inTurn.length * 0.99)] ?? 0,
    };
  },
  () => Promise.resolve(),
);
