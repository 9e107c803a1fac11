import { Module } from '@nestjs/common';
import { EventingModule } from '@shop/eventing';
import { DatabaseModule, Logger } from '@shop/platform';
import { PaymentsConfig } from './config.ts';
import { HttpPaymentProvider } from './http-payment-provider.ts';
import { PaymentProvider } from './payment-provider.ts';
import { PaymentOperationsController } from './payment-operations.controller.ts';
import { Payments } from './payments.ts';
import { PaymentsConsumer } from './payments.consumer.ts';
import { LedgerComparison } from './ledger-comparison.ts';
import { Reconciliation } from './reconciliation.ts';
import { RestingPayments } from './resting-payments.ts';

@Module({
  imports: [
    DatabaseModule.forRoot(PaymentsConfig),
    EventingModule.forRoot(PaymentsConfig, { consumers: [PaymentsConsumer], produces: true }),
  ],
  controllers: [PaymentOperationsController],
  providers: [
    Payments,
    PaymentsConsumer,
    Reconciliation,
    RestingPayments,
    LedgerComparison,
    {
      provide: PaymentProvider,
      inject: [PaymentsConfig, Logger],
      useFactory: (config: PaymentsConfig, log: Logger) =>
        new HttpPaymentProvider({
          url: config.PROVIDER_URL,
          key: config.PROVIDER_KEY,
          onCircuit: (state) => log.warn({ circuit: state }, `circuit to the payment provider ${state}`),
        }),
    },
  ],
})
export class PaymentsModule {}
