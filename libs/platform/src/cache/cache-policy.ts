import { DomainError } from '@shop/kernel';
import { UpstreamProblem } from '../upstream/upstream-problem.ts';

/** How long what is read may be used, and how much it may take. All times in ms. */
export interface CachePolicy {
  /** Shown in metrics, and part of every key. */
  readonly name: string;
  /**
   * Of the kept form: raised with each change of it, so that versions of a service that run side by side do not read
   * each other's.
   */
  readonly version: number;
  /**
   * It is used as it is for at most so long: some entries less, so that what was loaded together does not run out
   * together.
   */
  readonly freshMs: number;
  /** Then it is still used for so long, while one reader's request has it loaded anew behind its back. */
  readonly revalidateMs: number;
  /** After freshMs, where the origin fails: better old than nothing. */
  readonly errorMs: number;
  /** How long it is known that there is nothing. */
  readonly absentMs: number;
  /** A text longer than that is not kept, in bytes. */
  readonly maxBytes?: number;
  /** How long a load may take before others may try: a process that dies in it holds nobody for longer. */
  readonly claimMs?: number;
  /** How long a reader waits for another instance's load before it loads for itself. */
  readonly patienceMs?: number;
  /**
   * Whether an old value is a better answer than this error. By default where the origin cannot be reached, or fails.
   */
  readonly rescues?: (error: unknown) => boolean;
}

/** How much sooner than its policy says an entry may cease to be fresh, as a share. */
export const jitter = 0.25;

/** For how long an entry is fresh at least, in ms. */
export const leastFreshMs = ({ freshMs }: Pick<CachePolicy, 'freshMs'>): number => freshMs * (1 - jitter);

export const policyDefaults = {
  maxBytes: 64 * 1024,
  claimMs: 5_000,
  patienceMs: 1_000,
  rescues: (error: unknown): boolean =>
    (error instanceof DomainError && error.kind === 'unavailable') ||
    (error instanceof UpstreamProblem && error.status >= 500),
} as const;
