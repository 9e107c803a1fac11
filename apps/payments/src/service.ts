import { defineService } from '@shop/platform';
import { PaymentsConfig } from './config.ts';
import { PaymentsModule } from './payments.module.ts';

export { HttpPaymentProvider, type HttpPaymentProviderOptions } from './http-payment-provider.ts';

export const payments = defineService({ name: 'payments', config: PaymentsConfig, module: PaymentsModule });

export { askNow, openOutcomes, type Asked, type OpenOutcome } from './open-outcomes.ts';
export {
  isOpen,
  moneyMove,
  payment,
  stands,
  type Answer,
  type MoneyMove,
  type Payment,
  type PaymentCommand,
  type PaymentEvent,
  type Standing,
} from './domain/payment.ts';
export { putBackPayments } from './restored-payments.ts';
