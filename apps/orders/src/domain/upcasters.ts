import type { Upcasters } from '@shop/kernel';

/**
 * What stored events once looked like: each step lifts one form to the next. A step is never edited, since what it
 * reads is stored for ever, and a form is read by a whole release before it is written by the next:
 * docs/adr/0010-upcasting.md.
 */
export const orderUpcasters: Upcasters = {
  OrderPlaced: [
    // 2: the total is money, an amount that goes nowhere without its currency.
    ({ total, currency, ...data }) => ({ ...data, total: { amount: total, currency } }),
  ],
};
