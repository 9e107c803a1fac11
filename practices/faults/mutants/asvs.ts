import type { Claim } from './asvs/claim.ts';
import { edgeClaims } from './asvs/edge.ts';
import { identityClaims } from './asvs/identity.ts';
import { insideClaims } from './asvs/inside.ts';

/**
 * What requirements of OWASP's ASVS claim, made false one by one. By name: `npm run fault mutants -- --only "ASVS
 * 3.4"`.
 */
export const asvsClaims: readonly Claim[] = [...edgeClaims, ...identityClaims, ...insideClaims];
