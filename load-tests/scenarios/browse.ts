import { perSecond, steadily, summaryTrendStats, thresholdsFor } from './shop.ts';

export { browse } from './shop.ts';

/** People who look and do not buy: what caches are for. */
export const options = {
  scenarios: { look: steadily('browse', perSecond) },
  thresholds: thresholdsFor('read'),
  summaryTrendStats,
};
