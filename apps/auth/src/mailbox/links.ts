import { createHmac, timingSafeEqual } from 'node:crypto';

/** What a link in a mail is for. */
export type LinkKind = 'verify-address' | 'reset-password' | 'factor-added';

/** The word at the end of a link: the id of its mail request and a proof that we made it, which no table holds. */
export function linkToken(kind: LinkKind, id: string, keys: readonly string[]): string {
  return `${id}.${proofOf(kind, id, keys[0]!)}`;
}

/** The id in the word, when we made it for this kind, under any key that is still accepted. */
export function idInLink(kind: LinkKind, token: string, keys: readonly string[]): string | undefined {
  const [, id, proof = ''] = /^([0-9a-f-]{36})\.([\w-]{43})$/.exec(token) ?? [];
  if (id === undefined) return undefined;
  return keys.some((key) => timingSafeEqual(Buffer.from(proofOf(kind, id, key)), Buffer.from(proof))) ? id : undefined;
}

const proofOf = (kind: LinkKind, id: string, key: string) =>
  createHmac('sha256', key).update(`link:${kind}:${id}`).digest('base64url');
