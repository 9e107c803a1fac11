import type { Patch } from './patches.ts';

const redis = { invariant: 'availability', caughtBy: 'libs/platform/src/redis/redis-users.spec.ts' } as const;
const database = { invariant: 'availability', caughtBy: 'libs/platform/src/data/database.int.spec.ts' } as const;

/** Redis, Postgres, spellings, clocks and money, made wrong in one place each. */
export const storePatches: readonly Patch[] = [
  {
    name: 'a refusal of Redis that concerns one command fails the request',
    ...redis,
    file: 'libs/platform/src/redis/redis-connection.ts',
    find: 'if (isBug(error)) throw error;',
    replace: 'if (isBug(error) || !concernsServer(error)) throw error;',
  },
  {
    name: 'an answer of Redis is believed whatever its form',
    ...redis,
    file: 'libs/platform/src/redis/redis-refusals.ts',
    find: 'if (!has(answer)) throw',
    replace: 'if (false) throw',
  },
  {
    name: 'keys of one decision lie in different slots',
    ...redis,
    file: 'libs/platform/src/limits/rate-limiter.ts',
    find: '`{limit}:',
    replace: '`limit:',
  },
  {
    name: 'connections to a demoted primary stay in the pool',
    ...database,
    file: 'libs/platform/src/data/pg-errors.ts',
    find: '25006: { ...dropAll, again: true }',
    replace: '25006: { ...wait, again: true }',
  },
  {
    name: 'a server that takes no writes is as good as another',
    ...database,
    file: 'libs/platform/src/data/primary.ts',
    find: 'if (!writable || !(await takesNoWrites(this))) return this;',
    replace: 'if (writable || !(await takesNoWrites(this))) return this;',
  },
  {
    name: 'a relay publishes from a server that takes no writes',
    invariant: 'I4',
    file: 'libs/platform/src/data/primary.ts',
    find: 'new Primary(url, { writable: true })',
    replace: 'new Primary(url)',
    caughtBy: 'libs/eventing/src/wal-relay.int.spec.ts',
  },
  {
    name: 'an id stays as its caller spelled it',
    invariant: 'I1',
    file: 'libs/contracts/src/api/primitives.ts',
    find: 'z.uuid().toLowerCase()',
    replace: 'z.uuid()',
    caughtBy: 'libs/contracts/src/spellings.spec.ts',
  },
  {
    name: 'a token is remembered for longer when a clock is set back',
    invariant: 'security',
    file: 'libs/platform/src/auth/token-verifier.ts',
    find: 'const left = ((payload.exp ?? 0) + this.#leeway) * 1000 - Date.now();',
    replace: 'const left = ((payload.exp ?? 0) + this.#leeway) * 1000 - Date.now() + 3_600_000;',
    caughtBy: 'libs/platform/src/auth/token-verifier.spec.ts',
  },
  {
    name: 'a reader is believed a time that has not come yet',
    invariant: 'I3',
    file: 'libs/eventing/src/reconciler.ts',
    find: 'least($2::timestamptz, clock_timestamp())',
    replace: '$2::timestamptz',
    caughtBy: 'apps/orders/src/reconciliation.int.spec.ts',
  },
  {
    name: 'a forint has no cents, as Intl has it',
    invariant: 'I5',
    file: 'libs/kernel/src/currencies.ts',
    find: 'const digits = minorUnits.get(money.currency) ?? 0;',
    replace:
      "const digits = new Intl.NumberFormat('en', { style: 'currency', currency: money.currency }).resolvedOptions().maximumFractionDigits ?? 2;",
    caughtBy: 'apps/notifications/src/domain/message.spec.ts',
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
    name: 'what an invalidation has outdated is read from the cache',
    invariant: 'I8',
    file: 'libs/platform/src/cache/cache.ts',
    caughtBy: 'libs/platform/src/cache/cache.spec.ts',
    find: 'if (!kept?.current) return undefined;',
    replace: 'if (!kept) return undefined;',
  },
  {
    name: 'a transaction keeps its connection',
    invariant: 'I11',
    file: 'libs/platform/src/data/database.ts',
    caughtBy: 'libs/platform/src/data/database.int.spec.ts',
    find: '      client.release(broken);',
    replace: '      if (broken) client.release(broken);',
  },
];
