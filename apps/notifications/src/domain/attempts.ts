/**
 * Attempts in all; with the waits below the last one comes after about four days, as RFC 5321 (§4.5.4.1) asks for: a
 * mail server that is away for a night costs no mail.
 */
export const MAX_ATTEMPTS = 530;
/** Attempts none of which lived to say how it went: the mail kills its sender. */
export const MAX_WITHOUT_A_WORD = 20;

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 15 * 60_000;

/**
 * Milliseconds to wait after the attempt with this number failed, or nothing when that was the last one. Doubles up to
 * a quarter of an hour; `chance` in [0, 1) spreads them over the second half of the wait, so that what failed together
 * does not return together.
 */
export function waitAfter(attempt: number, chance: number): number | undefined {
  if (attempt >= MAX_ATTEMPTS) return undefined;
  const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (attempt - 1));
  return Math.round(wait / 2 + (wait / 2) * chance);
}
