import type { Objective } from '@shop/infra/objectives';

/**
 * What k6 is to hold a run to, by metric: the objectives in its own words. Scenarios tag requests `read` and
 * `place-order`, as the objectives are named.
 */
export function thresholds(objectives: readonly Objective[]): Record<string, string[]> {
  return Object.fromEntries(objectives.map(thresholdOf));
}

function thresholdOf(objective: Objective): [string, string[]] {
  const { id, kind, target } = objective;
  const budget = Math.round((1 - target) * 1e6) / 1e6;
  switch (kind) {
    case 'availability':
      return [`http_req_failed{kind:${id.replace('-availability', '')}}`, [`rate<=${budget}`]];
    case 'latency':
      return [
        `http_req_duration{kind:${id.replace('-latency', '')}}`,
        [`p(${target * 100})<=${objective.withinSeconds * 1_000}`],
      ];
    case 'freshness':
      return ['order_fresh', [`rate>=${target}`]];
  }
}
