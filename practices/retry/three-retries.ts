import { CallPolicy, type CallTerms } from '@shop/platform';
import { ExponentialBackoff, handleAll, retry, timeout, TimeoutStrategy, wrap } from 'cockatiel';

/**
 * As most clients are written with care: a time-out for each attempt, three repetitions, exponential backoff with
 * jitter.
 */
export class ThreeRetries extends CallPolicy {
  readonly #policy;

  constructor(attemptMs: number) {
    super();
    const repeated = retry(handleAll, {
      maxAttempts: 3,
      backoff: new ExponentialBackoff({ initialDelay: 50, maxDelay: 500 }),
    });
    this.#policy = wrap(repeated, timeout(attemptMs, TimeoutStrategy.Aggressive));
  }

  override execute<T>(call: (signal: AbortSignal) => Promise<T>, { signal }: CallTerms): Promise<T> {
    return this.#policy.execute((context) => call(context.signal), signal);
  }
}
