import type { LoggerService } from '@nestjs/common';
import type { ServerSettings } from '../config/settings.ts';
import { Logger } from './logger.ts';

/**
 * What Nest and its libraries say by themselves, in our format, from warnings upwards: their thirty lines per start are
 * of no use to anyone. Nest keeps one such logger per process, so these lines name no service.
 */
export class NestLogs implements LoggerService {
  readonly #logger: Logger;

  constructor(settings: Pick<ServerSettings, 'INSTANCE' | 'LOG_LEVEL'>) {
    this.#logger = new Logger('nest', settings);
  }

  log(): void {}

  warn(message: unknown, ...context: unknown[]): void {
    this.#logger.warn({ context: context.at(-1) }, String(message));
  }

  error(message: unknown, ...context: unknown[]): void {
    // A failed start is told by StartupFailure, once.
    if (context.at(-1) !== 'ExceptionHandler') this.#logger.error({ context: context.at(-1) }, String(message));
  }
}
