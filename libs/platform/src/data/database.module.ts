import { Module, type DynamicModule } from '@nestjs/common';
import type { z } from 'zod';
import type { ConfigClass } from '../config/config.ts';
import type { databaseSettings, ServerSettings } from '../config/settings.ts';
import { Database } from './database.ts';

type DatabaseConfig = z.output<z.ZodObject<typeof databaseSettings>>;

/** Provides `Database` from the service's configuration, for every module of the service. */
@Module({})
export class DatabaseModule {
  static forRoot(config: ConfigClass<DatabaseConfig>): DynamicModule {
    const database = {
      provide: Database,
      inject: [config],
      useFactory: ({ DATABASE_URL, DATABASE_POOL_SIZE, INSTANCE }: DatabaseConfig & ServerSettings) =>
        new Database(DATABASE_URL, { size: DATABASE_POOL_SIZE, application: `shop-${INSTANCE}` }),
    };
    return { module: DatabaseModule, global: true, providers: [database], exports: [Database] };
  }
}
