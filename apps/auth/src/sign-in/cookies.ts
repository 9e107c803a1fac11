import type { FastifyReply, FastifyRequest } from 'fastify';

/** The value of a cookie, if it was sent. */
export function cookieOf({ headers }: FastifyRequest, name: string): string | undefined {
  const pairs = (headers.cookie ?? '').split(';').map((pair) => pair.trim().split('='));
  return pairs.find(([key]) => key === name)?.[1];
}

export interface CookieOptions {
  readonly path: string;
  /** Seconds; until the browser closes if absent. */
  readonly maxAge?: number;
  /** Whether the world knows us by https. */
  readonly secure: boolean;
}

/** Sets a cookie that no script reads and that other sites do not make a browser send. `value` has no character that needs quoting. */
export function setCookie(reply: FastifyReply, name: string, value: string, { path, maxAge, secure }: CookieOptions): void {
  const line = [`${name}=${value}`, `Path=${path}`, 'HttpOnly', 'SameSite=Lax', ...(secure ? ['Secure'] : []), ...(maxAge === undefined ? [] : [`Max-Age=${maxAge}`])].join('; ');
  // The provider answers by Node's own response (oidc/mount.ts); everybody else by Fastify's.
  if (reply.sent) reply.raw.appendHeader('set-cookie', line);
  else void reply.header('set-cookie', line);
}
