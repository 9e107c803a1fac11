import { context, createContextKey, type Context } from '@opentelemetry/api';
import { DomainError } from '@shop/kernel';

/** Header by which a caller says how many ms it will wait. Relative, so that clocks need not agree. */
export const budgetHeader = 'x-request-budget-ms';

const deadlineKey = createContextKey('shop deadline');

/** A context in which all work ends `budget` ms from now. */
export function withDeadline(within: Context, budget: number): Context {
  return within.setValue(deadlineKey, performance.now() + budget);
}

/** Milliseconds left for the work at hand; Infinity outside of a request. */
export function remainingBudget(within: Context = context.active()): number {
  const deadline = within.getValue(deadlineKey) as number | undefined;
  return deadline === undefined ? Infinity : deadline - performance.now();
}

/** For work that is begun by a request and goes on without it. */
export function withoutDeadline<T>(work: () => T): T {
  return context.with(context.active().deleteValue(deadlineKey), work);
}

/** Throws `unavailable` when nobody waits any more: work begun now would be wasted. */
export function assertWithinDeadline(): void {
  if (remainingBudget() <= 0) throw deadlineExceeded();
}

/** Waits for work that others wait for too, no longer than the request at hand has time; the work goes on. */
export async function withinDeadline<T>(work: Promise<T>): Promise<T> {
  const left = remainingBudget();
  if (left === Infinity) return work;
  let late: NodeJS.Timeout | undefined;
  const over = new Promise<never>((_, reject) => {
    late = setTimeout(() => reject(deadlineExceeded()), Math.max(0, left));
  });
  try {
    return await Promise.race([work, over]);
  } finally {
    clearTimeout(late);
  }
}

/**
 * Does `work` with a signal that ends it after `ms`, by a TimeoutError. AbortSignal.timeout would do, but keeps the
 * work and all that it knows for as long as that might have taken: at some hundred calls a second that is what garbage
 * collection is busy with.
 */
export async function endedAfter<T>(ms: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const ending = new AbortController();
  const late = setTimeout(
    () => ending.abort(new DOMException(`This has taken longer than ${ms} ms.`, 'TimeoutError')),
    ms,
  );
  try {
    return await work(ending.signal);
  } finally {
    clearTimeout(late);
  }
}

function deadlineExceeded(): DomainError {
  return new DomainError('unavailable', 'deadline-exceeded', 'This took longer than the caller would wait.');
}
