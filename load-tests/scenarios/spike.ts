import { perSecond, seconds, summaryTrendStats, thresholdsFor } from './shop.ts';

export { mixture } from './mixture.ts';

/** Ten times as many, all of a sudden, for a third of the time. */
export const options = {
  scenarios: {
    spike: {
      executor: 'ramping-arrival-rate' as const,
      exec: 'mixture',
      startRate: perSecond,
      timeUnit: '1s',
      preAllocatedVUs: 100,
      maxVUs: 600,
      stages: [
        { target: perSecond, duration: `${Math.ceil(seconds / 3)}s` },
        { target: perSecond * 10, duration: '1s' },
        { target: perSecond * 10, duration: `${Math.ceil(seconds / 3)}s` },
        { target: perSecond, duration: '1s' },
        { target: perSecond, duration: `${Math.ceil(seconds / 3)}s` },
      ],
    },
  },
  thresholds: thresholdsFor('read', 'place-order'),
  summaryTrendStats,
};
