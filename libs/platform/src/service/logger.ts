import { Injectable } from '@nestjs/common';
import {
  destination,
  pino,
  stdTimeFunctions,
  type DestinationStream,
  type Logger as Pino,
  type LoggerOptions,
} from 'pino';
import type { ServerSettings } from '../config/settings.ts';
import { recordLine } from '../telemetry/log-records.ts';
import { currentTraceId } from '../telemetry/tracing.ts';

const secret = ['authorization', 'cookie', 'set-cookie', 'password', 'token', 'email'];
const redact = {
  paths: secret.flatMap((name) => [`["${name}"]`, `*["${name}"]`, `*.*["${name}"]`]),
  censor: '[redacted]',
};
// Synchronous: the last line before a crash is the one that matters.
const stdout = destination({ fd: 1, sync: true });
const atOnce: DestinationStream = {
  write(line) {
    leave();
    stdout.write(line);
    recordLine(line);
  },
};
/**
 * For lines of which there are many: those of one turn of the event loop leave in one write, in their order among the
 * others.
 */
const together: DestinationStream = {
  write(line) {
    if (waiting === '') setImmediate(leave);
    waiting += line;
    recordLine(line);
  },
};
let waiting = '';
process.on('exit', leave);

function leave(): void {
  if (waiting === '') return;
  const lines = waiting;
  waiting = '';
  stdout.write(lines);
}

/** Why a request was answered that it cannot be done now. */
export interface Failure {
  /** The code of its problem. */
  readonly code: string;
  readonly why: string;
}

/** What is told of every request. */
export interface RequestLine extends Partial<Failure> {
  readonly method: string;
  readonly route: string;
  readonly status: number;
  readonly ms: number;
  readonly traceId: string;
}

/**
 * Structured lines on stdout (and to a collector, where the settings say so), each with service, instance and trace id.
 * Secrets and addresses are struck out by name, three levels deep.
 */
@Injectable()
export class Logger {
  readonly #pino: Pino;
  readonly #requests: Pino;

  constructor(service: string, settings: Pick<ServerSettings, 'INSTANCE' | 'LOG_LEVEL'>, to?: DestinationStream) {
    const options: LoggerOptions = {
      level: settings.LOG_LEVEL,
      base: { service, instance: settings.INSTANCE },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
      serializers: { err: describeError },
    };
    // What the caller of a log line says about the trace wins: it may speak for a request it is no longer in.
    this.#pino = pino(
      { ...options, redact, mixin: traceOf, mixinMergeStrategy: (line, trace) => ({ ...trace, ...line }) },
      to ?? atOnce,
    );
    this.#requests = pino(options, to ?? together);
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

  /**
   * The one line of a request: known fields, none of them secret, so nothing has to be looked for (which costs as much
   * as the line).
   */
  request(line: RequestLine): void {
    this.#requests[line.code === undefined ? 'info' : 'warn'](line, 'request');
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
