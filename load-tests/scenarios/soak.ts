import { perSecond, steadily, summaryTrendStats, thresholdsFor } from './shop.ts';

export { mixture } from './mixture.ts';

/**
 * An ordinary day's load for as long as somebody has the patience: what leaks shows in the services' memory, which the
 * launcher writes down.
 */
export const options = {
  scenarios: { soak: steadily('mixture', perSecond) },
  thresholds: thresholdsFor('read', 'place-order', 'fresh'),
  summaryTrendStats,
};
