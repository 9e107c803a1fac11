import { perSecond, seconds, summaryTrendStats, thresholdsFor } from './shop.ts';

export { mixture } from './mixture.ts';

/** More and more, until a promise is broken: then it ends, and the summary tells the rate it came to. */
export const options = {
  scenarios: {
    more: {
      executor: 'ramping-arrival-rate' as const,
      exec: 'mixture',
      startRate: 5,
      timeUnit: '1s',
      preAllocatedVUs: 100,
      maxVUs: 600,
      stages: [{ target: perSecond, duration: `${seconds}s` }],
    },
  },
  thresholds: Object.fromEntries(
    Object.entries(thresholdsFor('read', 'place-order')).map(([metric, limits]) => [
      metric,
      limits.map((threshold) => ({ threshold, abortOnFail: true, delayAbortEval: '10s' })),
    ]),
  ),
  summaryTrendStats,
};
