import { z } from 'zod';
import { amount, currency, id } from './api/primitives.ts';
import { message } from './message.ts';

const step = { topic: 'payments.commands', source: '/orders', kind: 'command' } as const;
const outcome = { topic: 'payments.events', source: '/payments', kind: 'event' } as const;

/** The provider's name for a card, made by the provider's own page: card numbers never reach the shop. */
export const paymentToken = z.string().regex(/^tok_[A-Za-z0-9_-]{4,64}$/);

export const authorisePayment = message({
  ...step,
  type: 'payments.authorise-payment.v1',
  summary: 'Hold the money for an order.',
  data: z.object({ orderId: id, amount, currency, paymentToken }),
});
export const capturePayment = message({
  ...step,
  type: 'payments.capture-payment.v1',
  summary: 'Take the money that is held.',
  data: z.object({ orderId: id }),
});
export const voidPayment = message({
  ...step,
  type: 'payments.void-payment.v1',
  summary: 'Let go of the money, whether or not it was held.',
  data: z.object({ orderId: id }),
});

const about = { orderId: id, paymentId: z.string() };
export const paymentAuthorised = message({
  ...outcome,
  type: 'payments.payment-authorised.v1',
  summary: 'The provider holds the money.',
  data: z.object({ ...about, amount, currency }),
});
export const paymentDeclined = message({
  ...outcome,
  type: 'payments.payment-declined.v1',
  summary: 'The provider said no, and why.',
  data: z.object({ orderId: id, reason: z.string() }),
});
export const paymentCaptured = message({
  ...outcome,
  type: 'payments.payment-captured.v1',
  summary: 'The money is taken.',
  data: z.object({ ...about, amount, currency }),
});
export const paymentVoided = message({
  ...outcome,
  type: 'payments.payment-voided.v1',
  summary: 'No money is held for the order.',
  data: z.object({ orderId: id }),
});
