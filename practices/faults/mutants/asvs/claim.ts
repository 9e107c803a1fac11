import type { Patch } from '../patches.ts';

/**
 * What requirements of OWASP's ASVS claim, made false in one place, and the test of docs/security/asvs.csv that has to
 * turn red.
 */
export interface Claim extends Patch {
  /** Numbers of the requirements. */
  readonly requirements: readonly string[];
  readonly test: string;
}

/**
 * `numbers` are those of the requirements, with a space between them. By name: `npm run fault mutants -- --only "ASVS
 * 3.4"`.
 */
export const claim = (
  numbers: string,
  what: string,
  patch: Omit<Claim, 'name' | 'invariant' | 'requirements'>,
): Claim => ({
  name: `ASVS ${numbers}: ${what}`,
  invariant: 'security',
  requirements: numbers.split(' '),
  ...patch,
});

/** Where the test is that notices. */
export const at = (caughtBy: string, test: string) => ({ caughtBy, test });
