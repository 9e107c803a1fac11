import { ReplyError } from 'ioredis';
import type { Logger } from '../service/logger.ts';
import { meter } from '../telemetry/metrics.ts';

/**
 * Redis cannot be used now, or has not answered as it should. Its user goes on without it, in the fail mode that its
 * page documents.
 */
export class RedisUnavailable extends Error {
  override readonly name = 'RedisUnavailable';
}

/** No answer in time. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
}

/** An answer of another form than its command has. */
export class UnexpectedAnswer extends Error {
  override readonly name = 'UnexpectedAnswer';
}

/** The answer, where it has the form that its command answers in. Throws UnexpectedAnswer. */
export function expected<T>(answer: unknown, has: (answer: unknown) => answer is T): T {
  if (!has(answer)) throw new UnexpectedAnswer('Redis answered in another form than the command has.');
  return answer;
}

export const isNumber = (answer: unknown): answer is number => typeof answer === 'number' && Number.isFinite(answer);
export const isText = (answer: unknown): answer is string => typeof answer === 'string';
export const isTextOrNothing = (answer: unknown): answer is string | null => answer === null || isText(answer);
/** What SET answers, with NX as well. */
export const isSet = (answer: unknown): answer is 'OK' | null => answer === null || answer === 'OK';

/**
 * Refusals of one command or one key: others may well be answered. Of any other it has to be expected that the next
 * command hears it too.
 */
const ofOneCommand = /^(WRONGTYPE|CROSSSLOT|NOSCRIPT|MOVED|ASK|TRYAGAIN|NOPERM|ERR)\b/;
/**
 * Refusals that a new connection may not meet: at the address of an old primary, or with a password that has changed.
 */
const ofOneConnection = /^(READONLY|NOAUTH)\b/;

/** Whether it says something about the server, or the way to it, and not about one command. */
export const concernsServer = (error: unknown): boolean =>
  !(error instanceof ReplyError) || !ofOneCommand.test((error as Error).message);
/** Whether another connection may do better. */
export const concernsConnection = (error: Error): boolean => ofOneConnection.test(error.message);

/**
 * A bug of ours is an error of the language: whatever Redis says or does not say, and whatever becomes of its
 * connection, is no bug.
 */
export const isBug = (error: unknown): boolean =>
  error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError;

/** How often it is told, and for how long a refusal counts as recent, in ms. */
const [TOLD_EVERY, RECENT] = [1_000, 10_000];

/**
 * What Redis did not answer as it should, made visible: counted by reason, one log line a second at most, and told to
 * readiness for ten seconds.
 */
export class RedisRefusals {
  readonly #count = meter().createCounter('redis.refusals', {
    unit: '{command}',
    description: 'Uses of Redis that went on without it, by what it said',
  });
  #last: { readonly why: string; readonly reason: string; readonly at: number } | undefined;
  #untold = 0;
  #pause: NodeJS.Timeout | undefined;

  constructor(private readonly log?: Pick<Logger, 'warn'>) {}

  /**
   * The last refusal, where it was a moment ago, by the name of its kind: readiness is asked by anybody, and what a
   * server says in full is for the log.
   */
  get recent(): string | undefined {
    return this.#last && performance.now() - this.#last.at < RECENT ? `refused: ${this.#last.reason}` : undefined;
  }

  note(error: unknown): void {
    const reason = reasonOf(error);
    this.#count.add(1, { reason });
    this.#last = { why: wordsOf(error), reason, at: performance.now() };
    this.#untold++;
    if (!this.#pause) this.#tell();
  }

  close(): void {
    clearTimeout(this.#pause);
  }

  #tell(): void {
    const [times, reason] = [this.#untold, this.#last?.why];
    this.#untold = 0;
    this.#pause = undefined;
    if (times === 0) return;
    this.log?.warn({ reason, times }, 'Redis did not answer as it should: its users go on without it');
    this.#pause = setTimeout(() => this.#tell(), TOLD_EVERY).unref();
  }
}

/** A name for it of which there are few, and which quotes nothing. */
export function reasonOf(error: unknown): string {
  if (error instanceof ReplyError) return /^[A-Z]{2,16}\b/.exec((error as Error).message)?.[0] ?? 'other';
  const { code } = error as { code?: unknown };
  if (typeof code === 'string' && /^E[A-Z_]{2,30}$/.test(code)) return code;
  return error instanceof Error && error.name !== 'Error' ? error.name : 'connection';
}

const LONGEST = 100;
/** What it said, without what it quotes of a command: keys name people. */
const wordsOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error))
    .split(/, with args|: /, 1)
    .join()
    .slice(0, LONGEST);
