import type { Invariant } from '../../checker/evidence.ts';
import { accountPatches } from './accounts.ts';
import { edgePatches } from './edge-patches.ts';
import { identityPatches } from './identity.ts';
import { machinePatches } from './machines.ts';
import { messagingPatches } from './messaging.ts';
import { storePatches } from './stores.ts';
import { topicPatches } from './topics.ts';

/** The product's own code, made wrong in one place, and the cheapest spec that has to turn red. */
export interface Patch {
  /** What is wrong now. */
  readonly name: string;
  /** What it breaks; `security` for who may do what, `availability` for what has to be answered all the same: no checker of orders sees them. */
  readonly invariant: Invariant | 'security' | 'availability';
  readonly file: string;
  /** Found exactly once; else the mutant is stale, which is a failure. */
  readonly find: string;
  readonly replace: string;
  readonly caughtBy: string;
}

const append = { file: 'libs/eventing/src/append.ts', caughtBy: 'libs/eventing/src/event-store.int.spec.ts' };
const claims = { file: 'libs/eventing/src/claims.ts', caughtBy: 'libs/eventing/src/consumer-runtime.int.spec.ts' };
const settling = { file: 'libs/eventing/src/settling.ts', caughtBy: 'libs/eventing/src/consumer-runtime.int.spec.ts' };
const relay = { file: 'libs/eventing/src/queue-relay.ts', caughtBy: 'libs/eventing/src/queue-relay.int.spec.ts' };
const orders = { file: 'apps/orders/src/orders.ts', caughtBy: 'apps/orders/src/orders.int.spec.ts' };
const awaited = { file: 'libs/eventing/src/awaited-answers.ts', caughtBy: 'libs/eventing/src/awaited-answers.int.spec.ts' };
const deadlines = { file: 'apps/orders/src/deadlines.ts', caughtBy: 'apps/orders/src/deadlines.int.spec.ts' };
const listed = { file: 'apps/orders/src/listed-orders.ts', caughtBy: 'apps/orders/src/listed-orders.spec.ts' };
const stock = { file: 'apps/catalog/src/stock/stock.ts', caughtBy: 'apps/catalog/src/stock/stock.int.spec.ts' };

/** At least one for each invariant. */
export const patches: readonly Patch[] = [
  ...accountPatches,
  ...identityPatches,
  ...messagingPatches,
  ...storePatches,
  ...machinePatches,
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
    name: 'the provider is asked under a new key each time',
    invariant: 'I3',
    file: 'apps/payments/src/http-payment-provider.ts',
    caughtBy: 'apps/payments/src/payment-provider.int.spec.ts',
    find: "'idempotency-key': idempotencyKey }",
    replace: "'idempotency-key': idempotencyKey + Math.random() }",
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
    name: 'the list takes any later version for the next',
    invariant: 'I4',
    ...listed,
    find: 'if (version !== seen + 1) throw',
    replace: 'if (version <= seen) throw',
  },
  {
    name: 'stock that is given back goes nowhere',
    invariant: 'I5',
    ...stock,
    find: 'FROM held WHERE id = product_id)\n  SELECT version FROM ended',
    replace: 'FROM held WHERE id = product_id AND false)\n  SELECT version FROM ended',
  },
  {
    name: 'stock is taken without looking whether it is there',
    invariant: 'I5',
    ...stock,
    find: "CASE WHEN bool_and(available >= quantity) THEN 'reserved'",
    replace: "CASE WHEN true THEN 'reserved'",
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
    name: 'a deadline is not written down',
    invariant: 'I6',
    ...append,
    find: 'FROM whole WHERE $20::float8 IS NOT NULL AND whole.appended > 0',
    replace: 'FROM whole WHERE $20::float8 IS NOT NULL AND whole.appended > 999',
  },
  {
    name: 'a deadline is judged before the time of an outage is given back to it',
    invariant: 'I6',
    file: 'apps/orders/src/deadlines.ts',
    caughtBy: 'apps/orders/src/deadlines.int.spec.ts',
    find: '    this.busAnswers = false;\n    const trouble',
    replace: '    const trouble',
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
    name: 'stock does not answer who asks again',
    invariant: 'I6',
    ...stock,
    find: 'if (!made) return this.tellAgain(effect, tx, { orderId, lines });',
    replace: 'if (!made) return;',
  },
  {
    name: 'payments does not answer who asks again',
    invariant: 'I6',
    file: 'apps/payments/src/payments.ts',
    caughtBy: 'apps/payments/src/payments.int.spec.ts',
    find: 'const standing = events.length === 0 ? stands(before.state) : undefined;',
    replace: 'const standing = events.length === 99 ? stands(before.state) : undefined;',
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
    name: 'stock that rests is not told again',
    invariant: 'I6',
    file: 'libs/eventing/src/resting.ts',
    caughtBy: 'apps/catalog/src/stock/resting-stock.int.spec.ts',
    find: 'if (orders.length > 0) await outbox.add(tx, await tell(tx, orders));',
    replace: '',
  },
  {
    name: 'money that only the provider knows of is not noticed',
    invariant: 'I5',
    file: 'apps/payments/src/ledger-comparison.ts',
    caughtBy: 'apps/payments/src/ledger-comparison.int.spec.ts',
    find: 'if (agrees(state, standing)) return',
    replace: 'if (standing) return',
  },
  {
    name: 'a night without a mail server costs mails',
    invariant: 'I6',
    file: 'apps/notifications/src/domain/attempts.ts',
    caughtBy: 'apps/notifications/src/domain/message.spec.ts',
    find: 'export const MAX_ATTEMPTS = 530;',
    replace: 'export const MAX_ATTEMPTS = 20;',
  },
  {
    name: 'a mail that is sent again waits for its next attempt',
    invariant: 'I6',
    file: 'apps/notifications/src/undelivered.ts',
    caughtBy: 'apps/notifications/src/undelivered.int.spec.ts',
    find: "SET status = 'queued', attempts = 0, next_attempt_at = clock_timestamp()",
    replace: "SET status = 'queued', attempts = 0",
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
    name: 'a database that is away makes a process count as stuck',
    invariant: 'I8',
    file: 'libs/platform/src/service/recurring.ts',
    caughtBy: 'libs/platform/src/service/recurring.spec.ts',
    find: '    } finally {\n      this.#lastEnded = performance.now();\n    }',
    replace: '    }',
  },
  {
    name: 'an order of a product that a lagging copy does not know is refused for a day',
    invariant: 'I9',
    ...orders,
    find: "kind !== 'unavailable' && code !== 'unknown-product';",
    replace: "kind !== 'unavailable' && code !== 'unavailable';",
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
    name: 'the list does not hear of cancellations',
    invariant: 'I7',
    ...listed,
    find: "  [orderCancelled.type]: 'cancelled',",
    replace: '',
  },
  {
    name: 'the shards of a dead relay are not taken over',
    invariant: 'I8',
    ...relay,
    find: 'const REBALANCE_EVERY_MS = 1_000;',
    replace: 'const REBALANCE_EVERY_MS = 3_600_000;',
  },
  {
    name: 'what an invalidation has outdated is read from the cache',
    invariant: 'I8',
    file: 'libs/platform/src/cache/cache.ts',
    caughtBy: 'libs/platform/src/cache/cache.spec.ts',
    find: 'if (!kept?.current) return undefined;',
    replace: 'if (!kept) return undefined;',
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
    find: "if (error instanceof DomainError && isForGood(error)) await this.store.remember(row(attempt, 422, refusal(error)));",
    replace: '',
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
    name: 'a transaction keeps its connection',
    invariant: 'I11',
    file: 'libs/platform/src/data/database.ts',
    caughtBy: 'libs/platform/src/data/database.int.spec.ts',
    find: '      client.release(broken);',
    replace: '      if (broken) client.release(broken);',
  },
  {
    name: 'what is handled stays in hand',
    invariant: 'I11',
    file: 'libs/eventing/src/kafka/in-hand.ts',
    caughtBy: 'libs/eventing/src/kafka/in-hand.spec.ts',
    find: 'this.#work.delete(work);',
    replace: '',
  },
  ...edgePatches,
  ...topicPatches,
];

/** The patches that a push pays for: those with a spec that needs no server, and one of the others for each invariant. */
export function onEachPush(all: readonly Patch[]): Patch[] {
  const covered = new Set<string>();
  return all.filter(({ invariant, caughtBy }) => {
    if (!needsServers(caughtBy)) return true;
    const first = !covered.has(invariant);
    covered.add(invariant);
    return first;
  });
}

/** Whether the spec of a patch starts servers. */
export const needsServers = (file: string) => file.endsWith('.int.spec.ts');
