import { afterEach, describe, expect, it, vi } from 'vitest';
import { newRecoveryCodes, recoveryHash, stepOf } from './totp.ts';

/** The seed of RFC 6238's appendix B, in base 32. */
const seed = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';
const at = (seconds: number) => vi.useFakeTimers({ now: seconds * 1_000, toFake: ['Date'] });
afterEach(() => void vi.useRealTimers());

describe('codes of an authenticator app', () => {
  it.each([
    [59, '287082', 1],
    [1_111_111_109, '081804', 37_037_036],
    [20_000_000_000, '353130', 666_666_666],
  ])('are those of RFC 6238 at %i seconds', (seconds, code, step) => {
    at(seconds);
    expect(stepOf(seed, code)).toBe(step);
  });

  it('are good one step early and late, and no longer', () => {
    for (const [seconds, step] of [
      [59, 1],
      [29, 1],
      [89, 1],
      [119, undefined],
    ] as const) {
      at(seconds);
      expect([seconds, stepOf(seed, '287082')]).toEqual([seconds, step]);
    }
  });

  it('are six digits and nothing else', () => {
    at(59);
    for (const code of ['', '28708', '2870822', '28708a', ' 287082'])
      expect([code, stepOf(seed, code)]).toEqual([code, undefined]);
  });
});

describe('recovery codes', () => {
  it('are ten of 80 bits, and the same however they are typed', () => {
    const codes = newRecoveryCodes();
    expect(new Set(codes).size).toBe(10);
    for (const code of codes) expect(code).toMatch(/^([a-z2-7]{4}-){3}[a-z2-7]{4}$/);
    expect(recoveryHash(codes[0]!.toUpperCase().replaceAll('-', ' '))).toBe(recoveryHash(codes[0]!));
  });
});
