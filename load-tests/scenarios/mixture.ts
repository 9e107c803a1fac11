import { browse, listOrders, placeOrder } from './shop.ts';

/** One request of an ordinary day. */
export function mixture(): void {
  const which = Math.random();
  if (which < 0.1) placeOrder();
  else if (which < 0.2) listOrders();
  else browse();
}
