import { createHmac } from 'node:crypto';

const base32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/**
 * Secrets by name, all derived from one random seed: the same name gives the same secret, and no two tell anything of
 * each other.
 */
export const secretsOf =
  (seed: string | Buffer) =>
  (name: string): string =>
    createHmac('sha256', seed).update(name).digest('base64url');

/**
 * The key of the demo admin's authenticator app: 160 bits in base32, as an app takes them. `secret` is one of
 * secretsOf.
 */
export const adminTotpOf = (secret: (name: string) => string): string =>
  Array.from(Buffer.from(secret('demo admin app'), 'base64url'), (byte) => base32[byte & 31]).join('');
