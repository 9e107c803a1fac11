import { busSettings, Config, databaseSettings, outboxSettings } from '@shop/platform';
import { z } from 'zod';

export class CatalogConfig extends Config(
  z.object({
    ...databaseSettings,
    ...busSettings,
    ...outboxSettings,
    /** Where product reads are cached; without it they all go to the database. */
    REDIS_URL: z.url({ protocol: /^rediss?$/ }).optional(),
    /** Fill an empty shop with the demo's thousand products. */
    SEED_DEMO: z.stringbool().default(false),
  }),
) {}
