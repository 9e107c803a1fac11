import { Injectable } from '@nestjs/common';
import { destination, pino, type DestinationStream, type Logger as Pino } from 'pino';
import type { ServerSettings } from '../config/settings.ts';
import { currentTraceId } from '../telemetry/tracing.ts';

const secret = ['authorization', 'cookie', 'set-cookie', 'password', 'token', 'email'];
// Synchronous: the last line before a crash is the one that matters.
const stdout = destination({ fd: 1, sync: true });

/** Structured lines on stdout, each with service, instance and trace id. Secrets and addresses are struck out by name. */
@Injectable()
export class Logger {
  readonly #pino: Pino;

  constructor(service: string, settings: Pick<ServerSettings, 'INSTANCE' | 'LOG_LEVEL'>, to: DestinationStream = stdout) {
    this.#pino = pino(
      {
        level: settings.LOG_LEVEL,
        base: { service, instance: settings.INSTANCE },
        timestamp: () => `,"time":"${new Date().toISOString()}"`,
        formatters: { level: (level) => ({ level }) },
        mixin: () => traceOf(),
        // What the caller of a log line says about the trace wins: it may speak for a request it is no longer in.
        mixinMergeStrategy: (merged, mixed) => ({ ...mixed, ...merged }),
        redact: { paths: secret.flatMap((name) => [`["${name}"]`, `*["${name}"]`, `*.*["${name}"]`]), censor: '[redacted]' },
        serializers: { err: describeError },
      },
      to,
    );
  }

  info(fields: object, message: string): void {
    this.#pino.info(fields, message);
  }

  warn(fields: object, message: string): void {
    this.#pino.warn(fields, message);
  }

  error(fields: object, message: string): void {
    this.#pino.error(fields, message);
  }

  debug(fields: object, message: string): void {
    this.#pino.debug(fields, message);
  }
}

function traceOf(): { traceId?: string } {
  const traceId = currentTraceId();
  return traceId === undefined ? {} : { traceId };
}

/** Only what leads to the fault: pg's `detail`, for one, quotes the row, and with it somebody's address. */
function describeError(error: unknown): object {
  if (!(error instanceof Error)) return { message: String(error) };
  const { code, constraint } = error as { code?: unknown; constraint?: unknown };
  const cause = error.cause === undefined ? {} : { cause: describeError(error.cause) };
  return { type: error.name, message: error.message, code, constraint, stack: error.stack, ...cause };
}
