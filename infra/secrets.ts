import { createHmac } from 'node:crypto';

/** Secrets by name, all derived from one random seed: the same name gives the same secret, and no two tell anything of each other. */
export const secretsOf =
  (seed: string | Buffer) =>
  (name: string): string =>
    createHmac('sha256', seed).update(name).digest('base64url');
