import { steadily, summaryTrendStats, perSecond, thresholdsFor } from './shop.ts';

export { browse, listOrders, placeOrder } from './shop.ts';

/** Everything once in a while: does it work at all, as fast as is promised? */
export const options = {
  scenarios: {
    look: steadily('browse', perSecond / 2),
    list: steadily('listOrders', perSecond / 4),
    place: steadily('placeOrder', perSecond / 4),
  },
  thresholds: thresholdsFor('read', 'place-order'),
  summaryTrendStats,
};
