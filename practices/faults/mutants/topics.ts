import type { Patch } from './patches.ts';

const watch = {
  file: 'libs/eventing/src/kafka/group-watch.ts',
  caughtBy: 'libs/eventing/src/kafka/group-watch.spec.ts',
} as const;
const copies = { file: 'apps/orders/src/product-copy.ts', caughtBy: 'infra/events/copies.int.spec.ts' } as const;

const store = {
  invariant: 'I1',
  file: 'libs/eventing/src/store-epoch.ts',
  caughtBy: 'libs/eventing/src/store-epoch.int.spec.ts',
} as const;

const again = {
  invariant: 'I3',
  file: 'libs/eventing/src/reconciler.ts',
  caughtBy: 'apps/orders/src/reconciliation.int.spec.ts',
} as const;

/** Topics as data, and what is copied from them, made wrong in one place. */
export const topicPatches: readonly Patch[] = [
  {
    name: 'a relay that is to be paused goes on publishing',
    invariant: 'I4',
    file: 'libs/eventing/src/relay-pause.ts',
    caughtBy: 'infra/events/partitions.int.spec.ts',
    find: "if (this.#shares) await this.#client.query('SELECT pg_advisory_unlock_shared($1, 0)', [PAUSE_LOCK]);",
    replace: '',
  },
  {
    name: 'partitions that are added are not joined',
    invariant: 'I8',
    ...watch,
    find: '    this.#options.grown();',
    replace: '',
  },
  {
    name: 'messages that are gone before they were read are passed over in silence',
    invariant: 'I10',
    ...watch,
    find: 'this.#options.subscribed.onLost?.(lost);',
    replace: '',
  },
  {
    name: 'a relay is paused while something of it is still under way',
    ...store,
    invariant: 'I4',
    file: 'libs/eventing/src/relay-pause.ts',
    caughtBy: 'libs/eventing/src/relay-pause.int.spec.ts',
    find: 'if (underWay && this.#shares) return this.#isWaitedFor();',
    replace: '',
  },
  {
    name: 'a service goes on working after its database was put back',
    ...store,
    file: 'libs/eventing/src/eventing.module.ts',
    caughtBy: 'infra/events/restored-store.int.spec.ts',
    find: 'this.store.onRestored(() => void this.standStill());',
    replace: '',
  },
  {
    name: 'events are sent again that are on their way already',
    ...again,
    find: 'AND NOT ${ON_ITS_WAY} ORDER BY',
    replace: 'ORDER BY',
  },
  {
    name: 'events are sent again that the inbox of their reader has',
    ...again,
    find: '    AND NOT EXISTS (SELECT 1 FROM inbox i WHERE i.consumer = $1 AND i.message_id = e.id::text)',
    replace: '',
  },
  {
    name: 'an instance works whose topics have another number of partitions',
    ...store,
    invariant: 'I4',
    file: 'libs/eventing/src/partition-counts.ts',
    caughtBy: 'libs/eventing/src/partition-counts.int.spec.ts',
    find: 'if (this.#found.length > 0) await new Promise',
    replace: 'if (this.#found.length > 99) await new Promise',
  },
  {
    name: 'a service starts on a database that was put back to an older state',
    ...store,
    find: 'if (this.#restored) throw new StoreRestored(this.#restored);',
    replace: '',
  },
  {
    name: 'a database that is put back under a running service is served from',
    ...store,
    find: 'if (this.#known && this.#found(row, this.#known)) return;',
    replace: '',
  },
  {
    name: 'an older state of a store counts as well',
    ...store,
    file: 'libs/eventing/src/store-mark.ts',
    caughtBy: 'libs/eventing/src/store-mark.spec.ts',
    find: "last.mark > store.mark ? 'older' : undefined",
    replace: 'undefined',
  },
  {
    name: 'orders are put back after a restore although some of their events are gone',
    ...store,
    file: 'apps/orders/src/restored-orders.ts',
    caughtBy: 'apps/orders/src/restored-orders.int.spec.ts',
    find: 'version === known + 1 + n',
    replace: 'version > known + n',
  },
  {
    name: 'what the provider has taken is not known after a restore',
    ...store,
    invariant: 'I5',
    file: 'apps/payments/src/restored-payments.ts',
    caughtBy: 'apps/payments/src/restored-payments.int.spec.ts',
    find: 'if (ours?.status === status ||',
    replace: 'if (ours ||',
  },
  {
    name: 'a copy that lost its place counts as whole unasked',
    invariant: 'I7',
    file: 'libs/eventing/src/copies.ts',
    caughtBy: 'libs/eventing/src/copies.spec.ts',
    find: '(!lost || answered)',
    replace: 'true',
  },
  {
    name: 'what a copy lacks is not asked for',
    invariant: 'I7',
    ...copies,
    find: 'await this.outbox.add(tx, [{ ...question, again }]);',
    replace: '',
  },
];
