import { perSecond, steadily, summaryTrendStats, thresholdsFor } from './shop.ts';

export { placeOrder } from './shop.ts';

/** Orders only, each of which goes all the way: stock, payment, mail. */
export const options = {
  scenarios: { place: steadily('placeOrder', perSecond) },
  thresholds: thresholdsFor('place-order', 'fresh'),
  summaryTrendStats,
};
