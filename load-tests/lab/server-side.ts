/** What the gateway itself says of its requests, as Prometheus would read it. */
export interface ServerSide {
  readonly count: number;
  readonly sumSeconds: number;
  /** Cumulative, by upper bound in seconds. */
  readonly buckets: ReadonlyMap<number, number>;
}

export interface Latency {
  readonly requests: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

interface RouteOf {
  readonly method: string;
  readonly route: string;
}

const name = 'http_server_request_duration';

/** The histogram of these routes together, whatever they were answered. */
export function readHistogram(text: string, routes: readonly RouteOf[]): ServerSide {
  const [buckets, total] = [new Map<number, number>(), { count: 0, sum: 0 }];
  for (const line of text.split('\n')) {
    const [, part, labels = '', value] = new RegExp(`^${name}_(bucket|sum|count)\\{(.*)\\} (\\S+)`).exec(line) ?? [];
    if (
      part === undefined ||
      !routes.some(
        ({ method, route }) =>
          labels.includes(`http_request_method="${method}"`) && labels.includes(`http_route="${route}"`),
      )
    )
      continue;
    const amount = Number(value);
    if (part === 'sum') total.sum += amount;
    else if (part === 'count') total.count += amount;
    else {
      const bound = /le="([^"]+)"/.exec(labels)?.[1] ?? '';
      const le = bound === '+Inf' ? Infinity : Number(bound);
      buckets.set(le, (buckets.get(le) ?? 0) + amount);
    }
  }
  return { count: total.count, sumSeconds: total.sum, buckets };
}

/** What came between two readings; percentiles as Prometheus tells them, between the bounds of a bucket. */
export function between(before: ServerSide, after: ServerSide): Latency {
  const requests = after.count - before.count;
  const buckets = [...after.buckets]
    .map(([le, count]) => ({ le, count: count - (before.buckets.get(le) ?? 0) }))
    .sort((a, b) => a.le - b.le);
  const quantile = (share: number) => {
    const wanted = share * requests;
    const at = buckets.findIndex(({ count }) => count >= wanted);
    const [low, high] = [buckets[at - 1] ?? { le: 0, count: 0 }, buckets[at]];
    if (high === undefined || high.le === Infinity) return rounded(low.le * 1_000);
    return rounded(
      (low.le + ((high.le - low.le) * (wanted - low.count)) / Math.max(1, high.count - low.count)) * 1_000,
    );
  };
  return {
    requests,
    meanMs: rounded(((after.sumSeconds - before.sumSeconds) / requests) * 1_000),
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
  };
}

const rounded = (value: number) => Math.round(value * 100) / 100;
