import { defineService } from '@shop/platform';
import { PaymentsConfig } from './config.ts';
import { PaymentsModule } from './payments.module.ts';

export const payments = defineService({ name: 'payments', config: PaymentsConfig, module: PaymentsModule });
