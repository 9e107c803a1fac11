import { durationBuckets, meter } from '../telemetry/metrics.ts';

/**
 * How a read was answered. hit: from the cache, fresh; absent: from the cache, which knows that there is nothing;
 * stale: from the cache, older, while somebody loads it anew; rescued: from the cache, older, because the origin
 * failed; loaded: from the origin; joined: from a load that was under way; bypassed: from the origin, because the store
 * does not answer.
 */
export type CacheOutcome = 'hit' | 'absent' | 'stale' | 'rescued' | 'loaded' | 'joined' | 'bypassed';

/**
 * What caches tell whoever measures them. An exporter fills this port; nothing waits for it, so its methods return at
 * once and do not throw.
 */
export abstract class CacheMetrics {
  /** One read, and what came of it. */
  abstract read(cache: string, outcome: CacheOutcome): void;
  /** One call to the origin: what a cache is there to save. */
  abstract originAsked(cache: string, call: { readonly durationMs: number; readonly ok: boolean }): void;
  /** Tags were renewed, or should have been, and the store did not answer. */
  abstract invalidated(cache: string, done: boolean): void;
  /** Too large a text to be kept. */
  abstract oversized(cache: string, bytes: number): void;
  /** The store did not answer as it should: the read went on without it. */
  abstract storeFailed(cache: string, error: unknown): void;
}

/** The port filled with OpenTelemetry's instruments. */
export class MeasuredCache extends CacheMetrics {
  readonly #reads = meter().createCounter('cache.reads', {
    unit: '{read}',
    description: 'Reads through a cache, by how they were answered',
  });
  readonly #origin = meter().createHistogram('cache.origin.duration', {
    unit: 's',
    description: 'How long the origin took for what the cache did not have',
    advice: { explicitBucketBoundaries: durationBuckets },
  });
  readonly #invalidations = meter().createCounter('cache.invalidations', {
    unit: '{invalidation}',
    description: 'Invalidations, and those that the store did not take',
  });
  readonly #oversized = meter().createCounter('cache.oversized', {
    unit: '{value}',
    description: 'Values that were too large to be kept',
  });
  readonly #failures = meter().createCounter('cache.store.failures', {
    unit: '{call}',
    description: 'Calls that the store did not answer as it should',
  });

  override read(cache: string, outcome: CacheOutcome): void {
    this.#reads.add(1, { cache, outcome });
  }

  override originAsked(cache: string, { durationMs, ok }: { durationMs: number; ok: boolean }): void {
    this.#origin.record(durationMs / 1e3, { cache, ok });
  }

  override invalidated(cache: string, done: boolean): void {
    this.#invalidations.add(1, { cache, done });
  }

  override oversized(cache: string): void {
    this.#oversized.add(1, { cache });
  }

  override storeFailed(cache: string, error: unknown): void {
    this.#failures.add(1, { cache, error: error instanceof Error ? error.name : 'unknown' });
  }
}
