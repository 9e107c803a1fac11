import type { FastifyRequest } from 'fastify';

declare module 'fastify' {
  interface FastifyRequest {
    /** What it is for, once somebody has asked (targetOf). */
    target: RequestTarget | undefined;
  }
}

/** What a request is for. */
export interface RequestTarget {
  /**
   * The pattern of its route, as the router has it: `/orders/:id`. Undefined where there is nothing, for this method or
   * at all.
   */
  readonly route: string | undefined;
  /** Its path in the one spelling that all its spellings have in common. */
  readonly path: string;
  /** Who was asked, where the target itself says so: host and port of an absolute form. */
  readonly authority: string | undefined;
  /** What is behind the path, as it was sent, without the question mark. */
  readonly query: string;
}

/**
 * What a request is for: the only place that looks at its URL, and only after the router has. A path may be spelled in
 * many ways (RFC 3986 §6.2.2: any letter percent-encoded; RFC 9112 §3.2.2: with scheme and host before it), and the
 * router takes them for what they mean; so whatever treats routes apart has to ask here, or a spelling is enough to be
 * counted, kept, shed or let in as something else. Lint keeps `request.url` out of every other file.
 */
export function targetOf(request: FastifyRequest): RequestTarget {
  return (request.target ??= read(request));
}

/** Path and query, as they are sent on. */
export const wholeOf = ({ path, query }: Pick<RequestTarget, 'path' | 'query'>): string =>
  query === '' ? path : `${path}?${query}`;

function read(request: FastifyRequest): RequestTarget {
  const { url: route } = request.routeOptions;
  const url = request.raw.url ?? '/';
  const end = endOfPath(url);
  const query = url.slice(end + 1);
  const path =
    route === undefined ? spelledOut(url.slice(0, end)) : filled(route, request.params as Record<string, string>);
  // The router would take these for a parameter, or for a part of what a wildcard stands for.
  const isAmbiguous =
    (path !== '/' && ambiguousSegment.test(path)) || (route?.endsWith('*') === true && /%2f/i.test(url.slice(0, end)));
  const authority = url.startsWith('/') ? undefined : /^https?:\/\/([^/?#]*)/i.exec(url)?.[1];
  return { route: isAmbiguous ? undefined : route, path, authority, query };
}

/** The router ends a path there, too. */
function endOfPath(url: string): number {
  const end = url.search(/[?#]/);
  return end === -1 ? url.length : end;
}

/**
 * An empty segment, `.` or `..`: whoever is asked next may take it for another path. So it may a slash that was
 * percent-encoded.
 */
const ambiguousSegment = /\/\.{0,2}(?=\/|$)/;

/** The route with its parameters in their places: two requests that are routed alike have the same path. */
function filled(route: string, params: Readonly<Record<string, string>>): string {
  if (!route.includes(':') && !route.endsWith('*')) return route;
  return route.replace(/:(\w+)|\*$/g, (_, name: string | undefined) =>
    name === undefined
      ? (params['*'] ?? '').split('/').map(encodeURIComponent).join('/')
      : encodeURIComponent(params[name] ?? ''),
  );
}

/** A path that no route has: without scheme and host, and with no more percent signs than it needs. */
function spelledOut(path: string): string {
  const local = path.replace(/^https?:\/\/[^/]*/i, '') || '/';
  return local.replace(/%([0-9a-f]{2})/gi, (escape: string, hex: string) => {
    const character = String.fromCharCode(parseInt(hex, 16));
    return /[\w.~-]/.test(character) ? character : escape.toUpperCase();
  });
}
