import type { OrderSummary, OrderSummary2, OrderView, OrderView2 } from '@shop/contracts';

/** How orders are told in version 2: what is paid is money, line by line. */
export const orderIn2 = ({ total: amount, currency, lines, ...order }: OrderView): OrderView2 => ({
  ...order,
  lines: lines.map((line) => ({ ...line, unitPrice: { amount: line.unitPrice, currency } })),
  total: { amount, currency },
});

export const summaryIn2 = ({ total: amount, currency, ...order }: OrderSummary): OrderSummary2 => ({
  ...order,
  total: { amount, currency },
});
