export { Config, ConfigError, type ConfigClass } from './config/config.ts';
export {
  busSettings,
  databaseSettings,
  flagSettings,
  httpUrl,
  httpUrls,
  outboxSettings,
  redisSettings,
  serverSettings,
  type ServerSettings,
  type TelemetrySettings,
} from './config/settings.ts';
export { TokenVerifier, InvalidToken, type VerifierOptions } from './auth/token-verifier.ts';
export type { Route } from './http/known-paths.ts';
export {
  CurrentPrincipal,
  Public,
  publicKey,
  RequireRole,
  RequireScope,
  rolesKey,
  scopesKey,
  type Principal,
} from './auth/principal.ts';
export { HttpProblem, PreconditionFailed } from './http/http-problem.ts';
export { problemOf, whyOf, type ProblemAnswer } from './http/problem-of.ts';
export { asksForSocket } from './http/server.ts';
export { isPreferred, Produces } from './http/accept.guard.ts';
export { Cursors } from './http/cursors.ts';
export { entityTag, isNamed, LONGEST_TAG_LIST } from './http/entity-tags.ts';
export { mergePatch } from './http/media-types.ts';
export { checkedKey, IdempotencyKey, IfMatch } from './http/request-headers.ts';
export { Overload } from './http/overload.ts';
export { overloaded, turnAway, unknownPath } from './http/request-hooks.ts';
export { requestOf } from './http/request-of.ts';
export { targetOf, wholeOf, type RequestTarget } from './http/request-target.ts';
export { addFormParser, addTextParser, isEncodedUtf8, malformedForm } from './http/text-bodies.ts';
export { validationFailed } from './http/validation.pipe.ts';
export { Cache, type Reading, type Wanted } from './cache/cache.ts';
export { CacheMetrics, MeasuredCache, type CacheOutcome } from './cache/cache-metrics.ts';
export { leastFreshMs, type CachePolicy } from './cache/cache-policy.ts';
export { CacheStore, type Found, type KeepOptions, type Sight } from './cache/cache-store.ts';
export { CacheModule } from './cache/cache.module.ts';
export { MemoryCacheStore } from './cache/memory-cache-store.ts';
export { RedisCacheStore } from './cache/redis-cache-store.ts';
export { inBackground } from './data/background.ts';
export { Database, type DatabaseOptions, type Transaction } from './data/database.ts';
export { DatabaseModule } from './data/database.module.ts';
export { migrate, type MigrateOptions, type MigrationSet } from './data/migrate.ts';
export { Conditions, keysetPage, sortOf, type KeysetPage, type Position } from './data/keyset.ts';
export { constraintOf, isLost, lockTimedOut } from './data/pg-errors.ts';
export { connectToPrimary } from './data/primary.ts';
export { failsLikeDatabase } from './data/prisma.ts';
export { FlagFile, type FlagFileOptions } from './flags/flag-file.ts';
export { Flags, NothingOn } from './flags/flags.ts';
export { FlagsModule } from './flags/flags.module.ts';
export { RedisConnection, type RedisOptions } from './redis/redis-connection.ts';
export { RedisUnavailable } from './redis/redis-refusals.ts';
export { redisTls, RedisModule } from './redis/redis.module.ts';
export { endedAfter, remainingBudget, withoutDeadline } from './telemetry/deadline.ts';
export { durationBuckets, meter } from './telemetry/metrics.ts';
export {
  calling,
  currentTraceId,
  currentTraceparent,
  startTracing,
  tellOfSending,
  withTraceparent,
} from './telemetry/tracing.ts';
export { neverArrived } from './upstream/failures.ts';
export { Instances } from './upstream/instances.ts';
export { Upstream, type UpstreamOptions, type UpstreamRequest, type UpstreamResponse } from './upstream/upstream.ts';
export { UpstreamProblem } from './upstream/upstream-problem.ts';
export { holderOf } from './limits/address.ts';
export { countOnce, limitRequests, type Caller, type LimitOptions, type Quotas } from './limits/limit-requests.ts';
export { LocalRateLimiter } from './limits/local-rate-limiter.ts';
export type { Claim, Quota, Standing, Verdict } from './limits/quota.ts';
export { RateLimiter } from './limits/rate-limiter.ts';
export { SharedRateLimiter } from './limits/shared-rate-limiter.ts';
export { CallPolicy, NotCalled, type CallTerms } from './resilience/call-policy.ts';
export { ResilientCalls, type ResilientCallsOptions } from './resilience/resilient-calls.ts';
export { RetryBudget, type RetryBudgetOptions } from './resilience/retry-budget.ts';
export { defineService, type ServiceDefinition } from './service/define-service.ts';
export { Health, type Check, type HealthReport } from './service/health.ts';
export { Logger } from './service/logger.ts';
export { Recurring, type RecurringOptions } from './service/recurring.ts';
export { runService, type RunningService } from './service/run-service.ts';
export { StartupFailure } from './service/startup-failure.ts';
