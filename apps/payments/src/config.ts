import { busSettings, Config, databaseSettings, httpUrl, outboxSettings } from '@shop/platform';
import { z } from 'zod';

export class PaymentsConfig extends Config(
  z.object({
    ...databaseSettings,
    ...busSettings,
    ...outboxSettings,
    /** Where the payment provider is. */
    PROVIDER_URL: httpUrl,
    /** Our secret with the payment provider. */
    PROVIDER_KEY: z.string().min(8),
    /**
     * Within how many milliseconds the provider promises to carry out, or to drop, a request that it did not answer.
     */
    PROVIDER_SETTLES_WITHIN_MS: z.coerce.number().int().min(0).default(120_000),
  }),
) {}
