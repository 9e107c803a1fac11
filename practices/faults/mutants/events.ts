import type { Patch } from './patches.ts';

const append = { file: 'libs/eventing/src/append.ts', caughtBy: 'libs/eventing/src/event-store.int.spec.ts' };
const claims = { file: 'libs/eventing/src/claims.ts', caughtBy: 'libs/eventing/src/consumer-runtime.int.spec.ts' };
const settling = { file: 'libs/eventing/src/settling.ts', caughtBy: 'libs/eventing/src/consumer-runtime.int.spec.ts' };
const relay = { file: 'libs/eventing/src/queue-relay.ts', caughtBy: 'libs/eventing/src/queue-relay.int.spec.ts' };
const awaited = { file: 'libs/eventing/src/awaited-answers.ts', caughtBy: 'libs/eventing/src/awaited-answers.int.spec.ts' };

/** The event store, the outbox, the inbox and the deadlines of libs/eventing, made wrong in one place each. */
export const eventPatches: readonly Patch[] = [
  {
    name: 'an answer is not kept under its Idempotency-Key',
    invariant: 'I1',
    ...append,
    find: 'FROM whole WHERE $16::text IS NOT NULL AND whole.appended > 0',
    replace: 'FROM whole WHERE $16::text IS NOT NULL AND whole.appended > 999',
  },
  {
    name: 'If-Match is not looked at',
    invariant: 'I1',
    file: 'libs/eventing/src/command-handler.ts',
    caughtBy: 'libs/eventing/src/event-store.int.spec.ts',
    find: 'if (options.ifVersion !== undefined && ![options.ifVersion].flat().includes(recorded.length)) throw new PreconditionFailed();',
    replace: '',
  },
  {
    name: 'what was appended is not announced',
    invariant: 'I2',
    ...append,
    find: 'WHERE whole.appended > 0) AS messages',
    replace: 'WHERE whole.appended > 999) AS messages',
  },
  {
    name: 'an event is announced under a new id each time',
    invariant: 'I2',
    ...append,
    find: 'ids[sequence - expectedVersion - 1], append.recordedAt',
    replace: 'undefined, append.recordedAt',
  },
  {
    name: 'a message that the inbox knows has its effect again',
    invariant: 'I3',
    ...claims,
    find: 'if (standing?.claimed) return undefined;',
    replace: 'if (standing && !standing.parked) return undefined;',
  },
  {
    name: 'an append does not note the message that caused it',
    invariant: 'I3',
    ...append,
    find: 'SELECT $11, $12 FROM whole WHERE $12::text IS NOT NULL AND whole.appended > 0',
    replace: 'SELECT $11, $12 FROM whole WHERE $12::text IS NOT NULL AND whole.appended > 999',
  },
  {
    name: 'an offset is committed before its effect',
    invariant: 'I4',
    file: 'libs/eventing/src/kafka/offsets.ts',
    caughtBy: 'libs/eventing/src/kafka/offsets.spec.ts',
    find: 'const entry = { offset, done: false };',
    replace: 'const entry = { offset, done: true };',
  },
  {
    name: 'the relay deletes before the broker has acknowledged',
    invariant: 'I4',
    ...relay,
    find: "const { refused, held } = await this.publish(rows, () => void client.query('SELECT 1').catch(() => {}));",
    replace: 'const [refused, held]: [never[], never[]] = (void this.publish(rows, () => {}).catch(() => {}), [[], []]);',
  },
  {
    name: 'the relay publishes the newest first',
    invariant: 'I4',
    ...relay,
    find: 'ORDER BY shard, next.id`',
    replace: 'ORDER BY shard, next.id DESC`',
  },
  {
    name: 'a deadline is not written down',
    invariant: 'I6',
    ...append,
    find: 'FROM whole WHERE $20::float8 IS NOT NULL AND whole.appended > 0',
    replace: 'FROM whole WHERE $20::float8 IS NOT NULL AND whole.appended > 999',
  },
  {
    name: 'a deadline counts the time in which the bus was away',
    invariant: 'I6',
    ...awaited,
    find: 'SET since = least(since + lost, now), due_at',
    replace: 'SET since = since, due_at',
  },
  {
    name: 'a deadline counts the time in which its command waited in the outbox',
    invariant: 'I6',
    ...awaited,
    find: 'UPDATE deadlines SET since = clock_timestamp(), due_at',
    replace: 'UPDATE deadlines SET since = since, due_at',
  },
  {
    name: 'an order that can never be given up holds up those behind it',
    invariant: 'I6',
    ...awaited,
    find: "UPDATE deadlines SET due_at = clock_timestamp() + $3 * interval '1 millisecond' FROM due",
    replace: 'UPDATE deadlines SET due_at = deadlines.due_at FROM due',
  },
  {
    name: 'deadlines that have gone are read again and again',
    invariant: 'I6',
    ...awaited,
    find: 'if (taken.length < limit) this.#lookedThrough',
    replace: 'if (taken.length > limit) this.#lookedThrough',
  },
  {
    name: 'stock that rests is not told again',
    invariant: 'I6',
    file: 'libs/eventing/src/resting.ts',
    caughtBy: 'apps/catalog/src/stock/resting-stock.int.spec.ts',
    find: 'if (orders.length > 0) await outbox.add(tx, await tell(tx, orders));',
    replace: '',
  },
  {
    name: 'a broker that is away makes every consumer count as stuck',
    invariant: 'I8',
    file: 'libs/eventing/src/stuck-consumers.ts',
    caughtBy: 'libs/eventing/src/stuck-consumers.spec.ts',
    find: 'if (ms <= this.#staleAfterMs || performance.now() - this.#answeredAt > 2 * ASK_EVERY_MS) return undefined;',
    replace: 'if (ms <= this.#staleAfterMs) return undefined;',
  },
  {
    name: 'a parked key is never tried again',
    invariant: 'I6',
    file: 'libs/eventing/src/parking.ts',
    caughtBy: 'libs/eventing/src/consumer-runtime.int.spec.ts',
    find: "kind = 'transient' AND next_attempt_at <= now()",
    replace: "kind = 'transient' AND next_attempt_at <= now() - interval '1 day'",
  },
  {
    name: 'the shards of a dead relay are not taken over',
    invariant: 'I8',
    ...relay,
    find: 'const REBALANCE_EVERY_MS = 1_000;',
    replace: 'const REBALANCE_EVERY_MS = 3_600_000;',
  },
  {
    name: 'poison is passed over',
    invariant: 'I10',
    ...settling,
    find: 'await bus.publish([',
    replace: 'await Promise.all([',
  },
  {
    name: 'a later message overtakes a parked one of its key',
    invariant: 'I10',
    ...claims,
    find: 'WHERE NOT EXISTS (SELECT 1 FROM parked WHERE parked.key = asked.key)',
    replace: '',
  },
  {
    name: 'what is handled stays in hand',
    invariant: 'I11',
    file: 'libs/eventing/src/kafka/in-hand.ts',
    caughtBy: 'libs/eventing/src/kafka/in-hand.spec.ts',
    find: 'this.#work.delete(work);',
    replace: '',
  },
];
