import { Module, type DynamicModule } from '@nestjs/common';
import type { z } from 'zod';
import type { ConfigClass } from '../config/config.ts';
import type { databaseSettings, ServerSettings } from '../config/settings.ts';
import { Overload } from '../http/overload.ts';
import { Health } from '../service/health.ts';
import { Database } from './database.ts';
import { observePool } from './pool-metrics.ts';

type DatabaseConfig = z.output<z.ZodObject<typeof databaseSettings>>;

/**
 * Provides `Database` from a service's configuration, to every module of the service, and watches over it in
 * `/health/ready`.
 */
@Module({})
export class DatabaseModule {
  static forRoot(config: ConfigClass<DatabaseConfig>): DynamicModule {
    const open = (
      { DATABASE_URL, DATABASE_POOL_SIZE, INSTANCE }: DatabaseConfig & ServerSettings,
      health: Health,
      overload: Overload,
    ) => {
      const database = new Database(DATABASE_URL, { size: DATABASE_POOL_SIZE, application: `shop-${INSTANCE}` });
      health.ready('database', () => database.trouble);
      health.degraded('database writes', () => database.shortcoming);
      observePool(database.pool);
      overload.watch('database pool', () => database.pool.waitingCount, {
        behind: 10 * DATABASE_POOL_SIZE,
        caughtUp: 2 * DATABASE_POOL_SIZE,
      });
      return database;
    };
    return {
      module: DatabaseModule,
      global: true,
      providers: [{ provide: Database, inject: [config, Health, Overload], useFactory: open }],
      exports: [Database],
    };
  }
}
