import type { Quota, Quotas } from '@shop/platform';
import { z } from 'zod';

/** What routes cost us, roughly: each class has quotas of its own. */
export type RouteClass = 'read' | 'write' | 'authorization' | 'sign-in' | 'token' | 'graph';
type Who = keyof Quotas;
type Table = Readonly<Record<RouteClass, Quotas>>;

/**
 * Requests a minute, up to all of them at once. An address may be a whole office behind one, and a client all users of
 * one app, so theirs are wide: they stop machines; a user's stop one person's script. Where somebody signs in there is
 * only the address: nobody is known there yet (guesses at one account are limited in auth). A request for authorization
 * reads nothing but makes a page and a cookie, and begins what the others end.
 */
const perMinute: Readonly<Record<RouteClass, Partial<Record<Who, number>>>> = {
  read: { user: 1_200, client: 120_000, address: 6_000 },
  write: { user: 300, client: 30_000, address: 1_500 },
  graph: { user: 600, client: 60_000, address: 3_000 },
  authorization: { address: 600 },
  'sign-in': { address: 300 },
  token: { address: 600 },
};

const classes = Object.keys(perMinute) as RouteClass[];
const everybody: readonly Who[] = ['user', 'client', 'address'];

const defaults: Table = table((route, who) => perMinute[route][who] && { limit: perMinute[route][who], seconds: 60 });

/**
 * RATE_LIMITS: `off`, or a comma list of what is to be otherwise, as `write.user=5/1, *.address=100000/60`: class, of
 * whom, how many in how many seconds. A star is all classes, or all of whom something is counted anyway.
 */
export const rateLimits = z
  .string()
  .default('')
  .transform((text, context): Table | undefined => {
    if (text.trim() === 'off') return undefined;
    let quotas = defaults;
    for (const rule of text
      .split(',')
      .map((each) => each.trim())
      .filter(Boolean)) {
      const [, where, whose, limit, seconds] = /^(\*|[a-z-]+)\.(\*|[a-z]+)=(\d+)\/(\d+)$/.exec(rule) ?? [];
      const fits = (name: string, wish: string | undefined) => wish === '*' || wish === name;
      const touched =
        classes.some((route) => fits(route, where)) &&
        everybody.some((who) => fits(who, whose)) &&
        Number(limit) > 0 &&
        Number(seconds) > 0;
      if (!touched)
        context.addIssue({ code: 'custom', message: 'must be "off", or a list of class.who=count/seconds' });
      const before = quotas;
      quotas = table((route, who) =>
        before[route][who] && fits(route, where) && fits(who, whose)
          ? { limit: Number(limit), seconds: Number(seconds) }
          : before[route][who],
      );
    }
    return quotas;
  });

function table(quota: (route: RouteClass, who: Who) => Omit<Quota, 'name'> | undefined | 0): Table {
  const of = (route: RouteClass) =>
    everybody.flatMap((who) => {
      const found = quota(route, who);
      return found ? [[who, { ...found, name: `${route}-${who}` }]] : [];
    });
  return Object.fromEntries(classes.map((route) => [route, Object.fromEntries(of(route)) as Quotas])) as Table;
}

/** Which class a request is of, by its route; undefined for what is never limited. */
export function classOf(method: string, route: string): RouteClass | undefined {
  if (route.startsWith('/health/')) return undefined;
  if (route === '/graphql') return 'graph';
  const isRead = method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
  if (route === '/oidc/auth') return 'authorization';
  if (isRead) return 'read';
  if (route.startsWith('/oidc/token')) return 'token';
  return route.startsWith('/oidc/') || route.endsWith('/accounts') ? 'sign-in' : 'write';
}
