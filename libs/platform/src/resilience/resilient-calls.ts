import { context } from '@opentelemetry/api';
import {
  bulkhead,
  BulkheadRejectedError,
  circuitBreaker,
  CircuitState,
  ExponentialBackoff,
  handleWhen,
  noop,
  retry,
  SamplingBreaker,
  timeout,
  TimeoutStrategy,
  type BulkheadPolicy,
  type CircuitBreakerPolicy,
  type IPolicy,
  type RetryPolicy,
} from 'cockatiel';
import { AdaptiveLimit, type AdaptiveLimitOptions } from './adaptive-limit.ts';
import { CallMetrics } from './call-metrics.ts';
import { CallPolicy, NotCalled, type CallOutcome, type CallTerms } from './call-policy.ts';
import { RetryBudget, type RetryBudgetOptions } from './retry-budget.ts';

export interface ResilientCallsOptions {
  /** Whom it calls, in metrics. */
  readonly name: string;
  /**
   * Whether an error, or an answer, is the other party's failure: half of ten seconds' calls, and five at least, open
   * its circuit.
   */
  readonly isFailure: (outcome: CallOutcome) => boolean;
  /** Which failures may be gone the next time. */
  readonly isPassing: (error: unknown) => boolean;
  /** Calls under way at most, and how many more may wait for their turn. */
  readonly atOnce: number;
  readonly queue: number;
  /**
   * By what the other party shows that it has more to do than it can: then fewer than `atOnce` are let through, until
   * it can again. By default it is not asked.
   */
  readonly overload?: Omit<AdaptiveLimitOptions, 'most'>;
  /** How often a call is repeated at most, budget permitting (1). */
  readonly retries?: number;
  readonly budget?: RetryBudgetOptions;
  /** Longest pause before a repetition, in ms (0: none). Pauses double from 50 ms, with jitter. */
  readonly longestPause?: number;
  /** Longest wait for one attempt, in ms; by default as long as the call may take. */
  readonly attemptMs?: number;
  /** How long an open circuit is left alone at first and at most, in ms: it doubles, with jitter, while probes fail. */
  readonly leftAloneMs?: readonly [number, number];
  readonly onCircuit?: (state: 'open' | 'closed') => void;
}

const windowMs = 10_000;
/** Fewer failures than this in the window are no outage: 5 calls. */
const minimumRps = 0.5;

/** The budget says no; what failed is thrown instead. */
class Unaffordable extends Error {}

/**
 * Calls that cannot pull their caller down, from the outside in: retry (only what may happen twice, within a budget) →
 * circuit breaker → bulkhead with a bounded queue, lower while the other party is overloaded → time-out of the attempt.
 * Whatever it is, the caller is let go when its own time is up.
 */
export class ResilientCalls extends CallPolicy {
  readonly #retry: RetryPolicy;
  readonly #breaker: CircuitBreakerPolicy;
  readonly #bulkhead: BulkheadPolicy;
  readonly #limit: AdaptiveLimit | undefined;
  readonly #attempt: IPolicy;
  readonly #budget: RetryBudget;
  readonly #metrics: CallMetrics;

  constructor({
    name,
    isFailure,
    isPassing,
    atOnce,
    queue,
    overload,
    retries = 1,
    budget,
    longestPause = 0,
    attemptMs,
    leftAloneMs = [500, 2_000],
    onCircuit,
  }: ResilientCallsOptions) {
    super();
    const backoff =
      longestPause > 0 ? { backoff: new ExponentialBackoff({ initialDelay: 50, maxDelay: longestPause }) } : {};
    this.#retry = retry(
      handleWhen((error) => !(error instanceof Unaffordable) && !(error instanceof NotCalled) && isPassing(error)),
      { maxAttempts: retries, ...backoff },
    );
    this.#breaker = circuitBreaker(
      handleWhen((error) => isFailure({ error })).orWhenResult((answer) => isFailure({ answer })),
      {
        breaker: new SamplingBreaker({ threshold: 0.5, duration: windowMs, minimumRps }),
        halfOpenAfter: new ExponentialBackoff({ initialDelay: leftAloneMs[0], maxDelay: leftAloneMs[1] }),
      },
    );
    this.#breaker.onBreak(() => onCircuit?.('open'));
    this.#breaker.onReset(() => onCircuit?.('closed'));
    this.#bulkhead = bulkhead(atOnce, queue);
    this.#limit = overload && new AdaptiveLimit({ ...overload, most: atOnce });
    this.#attempt = attemptMs === undefined ? noop : timeout(attemptMs, TimeoutStrategy.Aggressive);
    this.#budget = new RetryBudget(budget);
    this.#metrics = new CallMetrics(name, () => ({
      circuit: {
        [CircuitState.Closed]: 0,
        [CircuitState.HalfOpen]: 1,
        [CircuitState.Open]: 2,
        [CircuitState.Isolated]: 2,
      }[this.#breaker.state],
      limit: this.#limit?.limit ?? atOnce,
      active: atOnce - this.#bulkhead.executionSlots,
      queued: queue - this.#bulkhead.queueSlots,
    }));
  }

  override get isFull(): boolean {
    return this.#limit?.isReached ?? false;
  }

  override async execute<T>(call: (signal: AbortSignal) => Promise<T>, { signal, repeatable }: CallTerms): Promise<T> {
    this.#budget.earn();
    // One that waited is begun by the end of another: it is still its own caller's.
    const mine = context.bind(context.active(), call);
    const once = () => this.#once(mine, signal);
    return inTime(signal, repeatable ? this.#withRetries(once, signal) : once());
  }

  async #withRetries<T>(once: () => Promise<T>, signal: AbortSignal): Promise<T> {
    let failure: unknown;
    try {
      return await this.#retry.execute(async ({ attempt }) => {
        if (attempt > 0) this.#afford();
        try {
          return await once();
        } catch (error) {
          failure = error;
          throw error;
        }
      }, signal);
    } catch (error) {
      throw error instanceof Unaffordable ? failure : error;
    }
  }

  #afford(): void {
    const affordable = this.#budget.spend();
    this.#metrics.repeated(affordable ? 'made' : 'refused');
    if (!affordable) throw new Unaffordable();
  }

  /** One attempt, if the circuit and the bulkhead let it through. */
  async #once<T>(call: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    try {
      // While one call probes an open circuit, cockatiel lets others wait for what it finds out. They had rather hear
      // now.
      if (this.#breaker.state === CircuitState.HalfOpen) throw new NotCalled('open');
      const limit = this.#limit;
      if (limit?.isReached && !(await limit.turn(signal))) throw new NotCalled('full');
      const attempt = () => this.#attempt.execute((context) => call(context.signal), signal);
      const watched = limit ? () => limit.watch(attempt) : attempt;
      const answer = await this.#breaker.execute(() => this.#bulkhead.execute(watched, signal), signal);
      this.#metrics.called('ok');
      return answer;
    } catch (error) {
      const refused = notCalled(error);
      this.#metrics.called(refused?.why ?? (signal.aborted ? 'late' : 'failed'));
      throw refused ?? error;
    }
  }
}

function notCalled(error: unknown): NotCalled | undefined {
  if (error instanceof NotCalled) return error;
  if (error instanceof BulkheadRejectedError) return new NotCalled('full');
  return error instanceof Error && 'isBrokenCircuitError' in error ? new NotCalled('open') : undefined;
}

/** Lets the caller go when its time is up, also while its call waits for its turn, or to be repeated. */
function inTime<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = () => reject(signal.reason as Error);
    signal.addEventListener('abort', late, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', late));
  });
}
