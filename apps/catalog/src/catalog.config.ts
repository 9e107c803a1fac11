import { busSettings, Config, databaseSettings, outboxSettings, redisSettings } from '@shop/platform';
import { z } from 'zod';

export class CatalogConfig extends Config(
  z.object({
    ...databaseSettings,
    ...busSettings,
    ...outboxSettings,
    ...redisSettings,
    /** Fill an empty shop with the demo's thousand products. */
    SEED_DEMO: z.stringbool().default(false),
  }),
) {}
