import { busSettings, Config, databaseSettings, httpUrl } from '@shop/platform';
import { z } from 'zod';

export class PaymentsConfig extends Config(
  z.object({
    ...databaseSettings,
    ...busSettings,
    /** Where the payment provider is. */
    PROVIDER_URL: httpUrl,
    /** Our secret with the payment provider. */
    PROVIDER_KEY: z.string().min(8),
  }),
) {}
