import type { Patch } from './patches.ts';

const watch = { file: 'libs/eventing/src/kafka/group-watch.ts', caughtBy: 'libs/eventing/src/kafka/group-watch.spec.ts' } as const;
const copies = { file: 'apps/orders/src/product-copy.ts', caughtBy: 'infra/events/copies.int.spec.ts' } as const;

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
    name: 'a copy that lost its place counts as whole unasked',
    invariant: 'I7',
    ...copies,
    find: '(row.lost === null || answered)',
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
