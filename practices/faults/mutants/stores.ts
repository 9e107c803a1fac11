import type { Patch } from './patches.ts';

const redis = { invariant: 'availability', caughtBy: 'libs/platform/src/redis/redis-users.spec.ts' } as const;

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
];
