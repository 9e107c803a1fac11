import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { TokenVerifier } from '../auth/token-verifier.ts';
import type { Principal } from '../auth/principal.ts';
import { HttpProblem } from '../http/http-problem.ts';
import { targetOf } from '../http/request-target.ts';
import { holderOf } from './address.ts';
import type { Claim, Quota, Standing, Verdict } from './quota.ts';
import type { RateLimiter } from './rate-limiter.ts';

/** Of whom a class of routes takes how much; what is left out is not counted. */
export type Quotas = Partial<Readonly<Record<'user' | 'client' | 'address', Quota>>>;

export interface LimitOptions {
  readonly limiter: RateLimiter;
  readonly tokens: Pick<TokenVerifier, 'known' | 'verify'>;
  /** The quotas of a request, by its method and its route, as `/orders/:id`; undefined where it is not limited. */
  readonly quotasOf: (method: string, route: string) => Quotas | undefined;
}

/** Who asks, where that is known from the beginning. */
export interface Caller {
  readonly address: string;
  readonly principal: Principal;
}

/**
 * Counts each request before any work is done for it, and refuses what is too much with 429. One hook of Fastify's, one
 * round trip: user, client and address are counted together where the token has been seen before. A new one is counted
 * by its address first, because to verify it is work, too. What a token says is only believed once it is verified:
 * nobody can use up the quota of another. Headers: draft-ietf-httpapi-ratelimit-headers-09.
 */
export function limitRequests(fastify: FastifyInstance, { limiter, tokens, quotasOf }: LimitOptions): void {
  fastify.addHook('onRequest', async (request, reply) => {
    const { route } = targetOf(request);
    const quotas = route === undefined ? undefined : quotasOf(request.method, route);
    if (!quotas) return;
    const token = bearer(request);
    const known = token === undefined ? undefined : tokens.known(token);
    const address = claim(quotas.address, holderOf(request.ip));
    await pass(reply, limiter, [...address, ...(known ? ofPrincipal(quotas, known) : [])]);
    if (token === undefined || known) return;
    // A token that is none, or cannot be checked now: whether that matters is for the guard to say.
    const fresh = await tokens.verify(token).catch(() => undefined);
    if (fresh) await pass(reply, limiter, ofPrincipal(quotas, fresh));
  });
}

/**
 * Counts what came by another way than a request of its own, such as an operation over a socket, as a request of its
 * class is. Throws what that would be answered with: 429.
 */
export async function countOnce(limiter: RateLimiter, quotas: Quotas, { address, principal }: Caller): Promise<void> {
  const verdict = await limiter.take([...claim(quotas.address, holderOf(address)), ...ofPrincipal(quotas, principal)]);
  if (!verdict.allowed) throw refusal(verdict);
}

function bearer({ headers: { authorization } }: FastifyRequest): string | undefined {
  return authorization !== undefined && /^Bearer /i.test(authorization) ? authorization.slice(7) : undefined;
}

const claim = (quota: Quota | undefined, whose: string): Claim[] => (quota ? [{ quota, whose }] : []);

function ofPrincipal({ user, client }: Quotas, { subject, clientId }: Principal): Claim[] {
  return [...claim(user, subject), ...claim(client, clientId)];
}

async function pass(reply: FastifyReply, limiter: RateLimiter, claims: readonly Claim[]): Promise<void> {
  if (claims.length === 0) return;
  const { allowed, standings } = await limiter.take(claims);
  tell(reply, standings);
  if (!allowed) throw refusal({ allowed, standings });
}

/** After those that an earlier count has set. */
function tell(reply: FastifyReply, standings: readonly Standing[]): void {
  let [policy, limit] = [reply.getHeader('ratelimit-policy') ?? '', reply.getHeader('ratelimit') ?? ''];
  for (const { quota, remaining, resetMs } of standings) {
    const comma = policy === '' ? '' : ', ';
    policy += `${comma}"${quota.name}";q=${quota.limit};w=${quota.seconds}`;
    limit += `${comma}"${quota.name}";r=${remaining};t=${Math.ceil(resetMs / 1e3)}`;
  }
  void reply.header('ratelimit-policy', policy).header('ratelimit', limit);
}

function refusal({ standings }: Verdict): HttpProblem {
  const worst = standings.reduce((one, other) => (other.retryMs > one.retryMs ? other : one));
  const detail = `Too many requests: "${worst.quota.name}" takes ${worst.quota.limit} in ${worst.quota.seconds} s.`;
  return new HttpProblem(429, 'rate-limited', detail, {
    headers: { 'retry-after': String(Math.max(1, Math.ceil(worst.retryMs / 1e3))) },
  });
}
