import type { Patch } from './patches.ts';

const orders = { file: 'apps/orders/src/orders.ts', caughtBy: 'apps/orders/src/orders.int.spec.ts' };
const deadlines = { file: 'apps/orders/src/deadlines.ts', caughtBy: 'apps/orders/src/deadlines.int.spec.ts' };
const listed = { file: 'apps/orders/src/listed-orders.ts', caughtBy: 'apps/orders/src/listed-orders.spec.ts' };

/** Orders, their saga, their deadlines and their list, made wrong in one place each. */
export const orderPatches: readonly Patch[] = [
  {
    name: 'the list takes any later version for the next',
    invariant: 'I4',
    ...listed,
    find: 'if (version !== seen + 1) throw',
    replace: 'if (version <= seen) throw',
  },
  {
    name: 'a cancelled order forgets to let go of the money',
    invariant: 'I5',
    file: 'apps/orders/src/domain/saga.ts',
    caughtBy: 'apps/orders/src/domain/saga.spec.ts',
    find: "cancelled: ['release-stock', 'void-payment'],",
    replace: "cancelled: ['release-stock'],",
  },
  {
    name: 'a deadline is judged before the time of an outage is given back to it',
    invariant: 'I6',
    file: 'apps/orders/src/deadlines.ts',
    caughtBy: 'apps/orders/src/deadlines.int.spec.ts',
    find: '    this.busAnswers = false;\n    const trouble',
    replace: '    this.busAnswers = true;\n    this.busLookedAt = performance.now();\n    const trouble',
  },
  {
    name: 'an instance of the version before gives an order up when this one looks after it',
    invariant: 'I6',
    file: 'libs/eventing/src/append.ts',
    caughtBy: 'apps/orders/src/deadlines.int.spec.ts',
    find: "coalesce(clock_timestamp() + $23::float8 * interval '1 millisecond', 'infinity')",
    replace: "clock_timestamp() + coalesce($20::float8, $23::float8) * interval '1 millisecond'",
  },
  {
    name: 'an order that the version before took further is judged by the time it had waited before',
    invariant: 'I6',
    file: 'apps/orders/migrations/0010-look-at.sql',
    caughtBy: 'apps/orders/src/deadlines.int.spec.ts',
    find: '  NEW.since := clock_timestamp();\n',
    replace: '',
  },
  {
    name: 'an order is given up before its answer on the topic is read',
    invariant: 'I6',
    ...deadlines,
    find: 'if (await end.isReached()) return true;',
    replace: 'if (true) return true;',
  },
  {
    name: 'a step that is not answered is not asked for again',
    invariant: 'I6',
    ...deadlines,
    find: 'await this.outbox.add(tx, askAgain(what.steps, state));',
    replace: '',
  },
  {
    name: 'an answer to a last step is not noted',
    invariant: 'I6',
    file: 'apps/orders/src/saga.consumer.ts',
    caughtBy: 'apps/orders/src/deadlines.int.spec.ts',
    find: "this.answers.answered(data.orderId, 'capture-payment')",
    replace: 'Promise.resolve(data)',
  },
  {
    name: 'an order that has ended does not ask for a last step that was lost',
    invariant: 'I6',
    file: 'apps/orders/src/books.ts',
    caughtBy: 'apps/orders/src/deadlines.int.spec.ts',
    find: 'await this.outbox.add(tx, askAgain([step], state));',
    replace: '',
  },
  {
    name: 'an order of a product that a lagging copy does not know is refused for a day',
    invariant: 'I9',
    ...orders,
    find: "kind !== 'unavailable' && code !== 'unknown-product';",
    replace: "kind !== 'unavailable' && code !== 'unavailable';",
  },
  {
    name: 'the list does not hear of cancellations',
    invariant: 'I7',
    ...listed,
    find: "  [orderCancelled.type]: 'cancelled',",
    replace: '',
  },
  {
    name: 'whoever comes second under a key gets no answer',
    invariant: 'I9',
    ...orders,
    find: 'const answer = error instanceof KeyUsed ? await this.answerTo(attempt) : undefined;',
    replace: 'const answer = undefined;',
  },
  {
    name: 'a refusal is not kept under its Idempotency-Key',
    invariant: 'I9',
    ...orders,
    find: 'if (error instanceof DomainError && isForGood(error)) await this.store.remember(row(attempt, 422, refusal(error)));',
    replace: '',
  },
];
