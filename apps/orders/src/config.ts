import { z } from 'zod';
import { busSettings, Config, databaseSettings, flagSettings, outboxSettings } from '@shop/platform';

export class OrdersConfig extends Config(
  z.object({ ...databaseSettings, ...busSettings, ...outboxSettings, ...flagSettings }),
) {}
