import { perSecond, steadily, summaryTrendStats, thresholdsFor } from './shop.ts';

export { browse, listOrders, placeOrder } from './shop.ts';

/** An ordinary day: of a hundred requests 80 look at products, ten at orders, ten place one. */
export const options = {
  scenarios: {
    look: steadily('browse', perSecond * 0.8),
    list: steadily('listOrders', perSecond * 0.1),
    place: steadily('placeOrder', perSecond * 0.1),
  },
  thresholds: thresholdsFor('read', 'place-order', 'fresh'),
  summaryTrendStats,
};
