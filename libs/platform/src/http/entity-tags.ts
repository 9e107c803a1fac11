import { hash } from 'node:crypto';

/**
 * The strong tag of one representation: the version, which If-Match goes by, and a digest of what is shown, because some of it moves
 * without a version (stock does, with every order). So a cache never keeps what is no longer so, and an editor is not refused for what
 * nobody edited.
 */
export const entityTag = (version: number, shown: unknown): string => `"${version}-${hash('sha256', JSON.stringify(shown), 'base64url').slice(0, 12)}"`;

/** Whether If-None-Match names this tag, or anything at all by `*`: then the client has it. Compared weakly (RFC 9110, 13.1.2). */
export function isNamed(tag: string, header: string): boolean {
  const names = header.split(',').map((name) => name.trim());
  return names.includes('*') || names.some((name) => opaque(name) === opaque(tag));
}

const opaque = (tag: string) => tag.replace(/^W\//, '');
