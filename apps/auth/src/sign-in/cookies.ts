import type { FastifyReply, FastifyRequest } from 'fastify';

/**
 * What a cookie is called. Where the world knows us by https it has a prefix by which browsers take it over TLS only
 * (RFC 6265bis §4.1.3), so that no page without it sets one in our place. Not `__Host-`: that would send each along to
 * every path, and ours are for one page each.
 */
export const cookieName = (name: string, secure: boolean): string => (secure ? `__Secure-${name}` : name);

/** The value of a cookie, if it was sent; `secure`: whether the world knows us by https. */
export function cookieOf({ headers }: FastifyRequest, name: string, secure: boolean): string | undefined {
  const pairs = (headers.cookie ?? '').split(';').map((pair) => pair.trim().split('='));
  return pairs.find(([key]) => key === cookieName(name, secure))?.[1];
}

export interface CookieOptions {
  readonly path: string;
  /** Seconds; until the browser closes if absent. */
  readonly maxAge?: number;
  /** Whether the world knows us by https. */
  readonly secure: boolean;
}

/**
 * Sets a cookie that no script reads and that other sites do not make a browser send. `value` has no character that
 * needs quoting.
 */
export function setCookie(
  reply: FastifyReply,
  name: string,
  value: string,
  { path, maxAge, secure }: CookieOptions,
): void {
  const line = [
    `${cookieName(name, secure)}=${value}`,
    `Path=${path}`,
    'HttpOnly',
    'SameSite=Lax',
    ...(secure ? ['Secure'] : []),
    ...(maxAge === undefined ? [] : [`Max-Age=${maxAge}`]),
  ].join('; ');
  // The provider answers by Node's own response (oidc/mount.ts); everybody else by Fastify's.
  if (reply.sent) reply.raw.appendHeader('set-cookie', line);
  else void reply.header('set-cookie', line);
}
