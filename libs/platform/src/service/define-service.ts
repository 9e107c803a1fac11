import type { DynamicModule, Type } from '@nestjs/common';
import type { ConfigClass } from '../config/config.ts';

/** All that is special about a service; the rest comes from the platform. */
export interface ServiceDefinition {
  readonly name: string;
  readonly config: ConfigClass;
  readonly module: Type<unknown> | DynamicModule;
  /** Strangers and browsers talk to it directly. */
  readonly public?: boolean;
}

/** Names a service without starting it, so that it can run alone in a process, or with others in one. */
export function defineService(definition: ServiceDefinition): ServiceDefinition {
  return definition;
}
