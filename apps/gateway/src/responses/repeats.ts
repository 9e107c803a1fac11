import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { MeasuredCache, targetOf, wholeOf } from '@shop/platform';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isKnown } from '../answer.ts';
import { responsePolicy } from './response-cache.ts';

declare module 'fastify' {
  interface FastifyReply {
    /**
     * Set where everybody who asks the same gets the same: how old the answer is, and until what age it is fresh, in
     * ms.
     */
    repeatable: { readonly ageMs: number; readonly freshMs: number } | undefined;
  }
}

/**
 * An answer as it left, on this process's clock: when it was new, until when it is fresh, and until when it may be
 * given while somebody looks for a newer one.
 */
interface Repeat {
  readonly payload: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly since: number;
  readonly freshUntil: number;
  readonly staleUntil: number;
  /** When one request last went to look. */
  lookedAt: number;
}

/** What a route says in its headers; the rest is said anew of every request. */
const [repeated, SECOND] = [['content-type', 'etag', 'cache-control', 'link'] as const, 1_000];
/** Bounds of what lies here, beside the seconds for which anything does: answers, and characters of one. */
const [MOST, LONGEST] = [2_000, 16 * 1_024];
/** How long the others get what there is while one request has gone to look, in ms. */
const LOOK_MS = 250;

/**
 * What everybody gets is answered once more by this process, as it left a moment ago, without asking Redis, and before
 * Nest's router, guards and serializers have any work. Behind the limits, and for as long as the answer is fresh in
 * Redis; then one request goes to look, and the others get it once more, for as long as Redis would give it out, too.
 */
@Injectable()
export class Repeats implements OnModuleInit {
  readonly #kept = new Map<string, Repeat>();
  readonly #metrics = new MeasuredCache();

  constructor(private readonly host: HttpAdapterHost) {}

  onModuleInit(): void {
    const fastify = this.host.httpAdapter.getInstance<FastifyInstance>();
    fastify.decorateReply('repeatable', undefined);
    fastify.addHook('preValidation', (request, reply, done) => {
      const repeat = request.method === 'GET' ? this.#kept.get(keyOf(request)) : undefined;
      const standing = repeat && standingOf(repeat);
      if (standing) this.#again(reply, repeat, standing);
      else done();
    });
    fastify.addHook('onSend', (request, reply, payload, done) => {
      if (reply.repeatable && reply.statusCode === 200 && typeof payload === 'string')
        this.#keep(request, reply, payload);
      else if (reply.statusCode === 404) this.#kept.delete(keyOf(request));
      done();
    });
  }

  #again(reply: FastifyReply, { payload, headers, since }: Repeat, standing: 'hit' | 'stale'): void {
    this.#metrics.read(responsePolicy.name, standing);
    void reply
      .headers(headers)
      .header('cache-status', `gateway; hit; detail=${standing === 'hit' ? 'process' : 'stale'}`)
      .header('age', String(Math.floor((performance.now() - since) / SECOND)));
    if (isKnown(reply, headers['etag'])) void reply.status(304).send();
    else void reply.send(payload);
  }

  #keep(request: FastifyRequest, reply: FastifyReply, payload: string): void {
    const { ageMs, freshMs } = reply.repeatable as NonNullable<FastifyReply['repeatable']>;
    const now = performance.now();
    // The oldest first: they came first.
    for (const [key, { staleUntil }] of this.#kept) {
      if (staleUntil > now && this.#kept.size < MOST) break;
      this.#kept.delete(key);
    }
    if (ageMs >= freshMs || payload.length > LONGEST) return;
    const headers = Object.fromEntries(
      repeated.flatMap((name) => (reply.getHeader(name) === undefined ? [] : [[name, String(reply.getHeader(name))]])),
    );
    const [key, since] = [keyOf(request), now - ageMs];
    this.#kept.delete(key);
    this.#kept.set(key, {
      payload,
      headers,
      since,
      freshUntil: since + freshMs,
      staleUntil: since + freshMs + responsePolicy.revalidateMs,
      lookedAt: -Infinity,
    });
  }
}

/**
 * Whether an answer may be given again. Whoever comes first when it is no longer fresh may not have it, but goes and
 * looks, and so does another after a while.
 */
function standingOf(repeat: Repeat): 'hit' | 'stale' | undefined {
  const now = performance.now();
  if (now < repeat.freshUntil) return 'hit';
  if (now < repeat.staleUntil && now - repeat.lookedAt < LOOK_MS) return 'stale';
  repeat.lookedAt = now;
  return undefined;
}

/**
 * The path, however it was spelled, and the query letter for letter: whoever spells that otherwise is understood by
 * those behind.
 */
function keyOf(request: FastifyRequest): string {
  const { accept } = request.headers;
  const whole = wholeOf(targetOf(request));
  return accept === undefined ? whole : `${whole} ${accept}`;
}
