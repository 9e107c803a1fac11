import { Module, type DynamicModule } from '@nestjs/common';
import type { z } from 'zod';
import type { ConfigClass } from '../config/config.ts';
import type { flagSettings } from '../config/settings.ts';
import { Logger } from '../service/logger.ts';
import { FlagFile } from './flag-file.ts';
import { Flags, NothingOn } from './flags.ts';

type FlagConfig = z.output<z.ZodObject<typeof flagSettings>>;

/**
 * Provides `Flags` from a service's configuration. Not part of readiness: without flags everything is off, and works.
 */
@Module({})
export class FlagsModule {
  static forRoot(config: ConfigClass<FlagConfig>): DynamicModule {
    const open = ({ FLAGS_FILE: path }: FlagConfig, log: Logger) =>
      path === undefined ? new NothingOn() : FlagFile.open({ path, log });
    return {
      module: FlagsModule,
      providers: [{ provide: Flags, inject: [config, Logger], useFactory: open }],
      exports: [Flags],
    };
  }
}
