import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { DomainError } from '@shop/kernel';
import {
  Cache,
  CacheStore,
  leastFreshMs,
  targetOf,
  UpstreamProblem,
  type CachePolicy,
  type Reading,
  type UpstreamResponse,
} from '@shop/platform';
import type { FastifyReply } from 'fastify';
import { answer } from '../answer.ts';

/** How old what everybody sees may be when it leaves the gateway, beside its age when it came (docs/adr/0025). */
export const responsePolicy: CachePolicy = {
  name: 'gateway.responses',
  version: 1,
  freshMs: 2_000,
  revalidateMs: 4_000,
  errorMs: 300_000,
  absentMs: 1_000,
  maxBytes: 256 * 1024,
};

const seconds = (ms: number) => Math.floor(ms / 1_000);
/** The same for whoever keeps it on: a browser, a CDN. */
const cacheControl = `public, max-age=${seconds(responsePolicy.freshMs)}, stale-while-revalidate=${seconds(responsePolicy.revalidateMs)}, stale-if-error=${seconds(responsePolicy.errorMs)}`;

/** RFC 9211: what became of the request here. */
const cacheStatus: Record<Reading<unknown>['outcome'], string> = {
  hit: 'hit',
  absent: 'hit; detail=absent',
  stale: 'hit; detail=stale',
  rescued: 'hit; fwd=stale; detail=stale-if-error',
  loaded: 'fwd=miss; stored',
  joined: 'fwd=miss; collapsed',
  bypassed: 'fwd=bypass',
};

export interface Asked {
  /** As its schema understood it, so that two spellings of one question are one. */
  readonly query?: object;
  /** The id at the end of the path, as its schema understood it. */
  readonly id?: string;
  /** What is said where the upstream has nothing. */
  readonly nothing?: () => DomainError;
}

/** As much of an upstream's answer as is kept: a body that everybody may see, as the contract shaped it. */
interface Shared<T> {
  readonly body: T;
  readonly etag: string;
  /** How old it was when it came, in seconds. */
  readonly age: number;
}

/** An answer that is not for all. */
class NotForAll extends Error {}

/**
 * Answers to what anybody may ask, before any call behind the door. It cannot cross users, because what fills it knows
 * none: a call without a token or a cookie, on a route that looks at neither. An upstream that says otherwise is
 * believed, and its answer is not kept.
 */
@Injectable()
export class ResponseCache {
  private readonly cache: Cache;

  constructor(store: CacheStore) {
    this.cache = new Cache(store, responsePolicy);
  }

  /** `ask` must send nothing of who is asking. */
  async answer<T>(
    reply: FastifyReply,
    { query = {}, id, nothing }: Asked,
    ask: () => Promise<UpstreamResponse<T>>,
  ): Promise<T> {
    if (reply.request.principal)
      throw new Error('A response cache on a route that is not public: one user would see what another may.');
    try {
      const reading = await this.cache.read({ key: keyOf(reply, query, id), tags: [], load: () => shared(ask) });
      void reply.header('cache-status', `gateway; ${cacheStatus[reading.outcome]}`);
      if (!reading.value)
        throw nothing?.() ?? new DomainError('not-found', 'not-found', 'There is nothing at this path.');
      const { body, etag, age } = reading.value;
      reply.repeatable = { ageMs: age * 1_000 + reading.ageMs, freshMs: age * 1_000 + leastFreshMs(responsePolicy) };
      void reply.headers({ 'cache-control': cacheControl, age: String(age + seconds(reading.ageMs)) });
      return await answer(reply, Promise.resolve({ status: 200, headers: { etag }, body }));
    } catch (error) {
      if (error instanceof NotForAll) return answer(reply, ask());
      throw error;
    }
  }
}

/** Path, with the version of the API in it, the whole query, and the one media type there is to be accepted. */
function keyOf({ request }: FastifyReply, wanted: object, id: string | undefined): string {
  const query = Object.entries(wanted)
    .filter(([, value]) => value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const { path } = targetOf(request);
  return `${id === undefined ? path : path.slice(0, path.lastIndexOf('/') + 1) + id} ${JSON.stringify(query)} application/json`;
}

/** Undefined where there is nothing. */
async function shared<T>(ask: () => Promise<UpstreamResponse<T>>): Promise<Shared<T> | undefined> {
  try {
    const { status, headers, body } = await ask();
    if (status !== 200 || 'set-cookie' in headers || /private|no-store/i.test(headers['cache-control'] ?? ''))
      throw new NotForAll();
    return { body, etag: headers['etag'] ?? tagOf(body), age: Number(headers['age'] ?? 0) || 0 };
  } catch (error) {
    if (error instanceof UpstreamProblem && error.status === 404) return undefined;
    throw error;
  }
}

/** For what has no version of its own. Weak: nobody may change a page on condition of it. */
function tagOf(body: unknown): string {
  return `W/"${createHash('sha256').update(JSON.stringify(body)).digest('base64url').slice(0, 22)}"`;
}
