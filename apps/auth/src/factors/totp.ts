import { hash } from 'node:crypto';
import { Secret, TOTP } from 'otpauth';

/** A code of the step before or after is taken, too: clocks differ, and typing takes time (RFC 6238 §5.2). */
const window = 1;

/** A secret of 160 bits, as people type it into an app. */
export const newSecret = () => new Secret({ size: 20 }).base32;

/** What an authenticator app reads. */
export const keyUri = (secret: string, email: string) => totpOf(secret, email).toString();

/** The time step that a code belongs to; undefined when it is none of the secret's at this moment. */
export function stepOf(secret: string, code: string): number | undefined {
  const totp = totpOf(secret);
  const delta = /^\d{6}$/.test(code) ? totp.validate({ token: code, window }) : null;
  return delta === null ? undefined : totp.counter() + delta;
}

/** Ten codes for a drawer, of 80 bits each: too many to guess, so a plain hash keeps them. */
export const newRecoveryCodes = () =>
  Array.from({ length: 10 }, () => new Secret({ size: 10 }).base32.toLowerCase().replace(/(.{4})(?=.)/g, '$1-'));

/** However it was typed. */
export const recoveryHash = (code: string) => hash('sha256', code.toLowerCase().replace(/[^a-z2-7]/g, ''), 'base64url');

const totpOf = (secret: string, label = '') =>
  new TOTP({ issuer: 'Ablation Shop', label, secret: Secret.fromBase32(secret) });
