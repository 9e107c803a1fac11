import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { MeasuredCache } from '@shop/platform';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isKnown } from '../answer.ts';
import { responsePolicy } from './response-cache.ts';

declare module 'fastify' {
  interface FastifyReply {
    /** Set where everybody who asks the same gets the same: how old the answer is, and until what age it is fresh, in ms. */
    repeatable: { readonly ageMs: number; readonly freshMs: number } | undefined;
  }
}

/** An answer as it left, and when it was new and ceases to be fresh, on this process's clock. */
interface Repeat {
  readonly payload: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly since: number;
  readonly until: number;
}

/** What a route says in its headers; the rest is said anew of every request. */
const [repeated, SECOND] = [['content-type', 'etag', 'cache-control', 'link'] as const, 1_000];
/** Bounds of what lies here, beside the two seconds for which anything does: answers, and characters of one. */
const [MOST, LONGEST] = [2_000, 16 * 1_024];

/**
 * What everybody gets is answered once more by this process, as it left a moment ago, without asking Redis, and before Nest's router, guards and
 * serializers have any work. Behind the limits, and for no longer than the answer is fresh in Redis, so it grows no older than it would have there.
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
      if (repeat && repeat.until > performance.now()) this.#again(reply, repeat);
      else done();
    });
    fastify.addHook('onSend', (request, reply, payload, done) => {
      if (reply.repeatable && reply.statusCode === 200 && typeof payload === 'string') this.#keep(request, reply, payload);
      done();
    });
  }

  #again(reply: FastifyReply, { payload, headers, since }: Repeat): void {
    this.#metrics.read(responsePolicy.name, 'hit');
    void reply.headers(headers).header('cache-status', 'gateway; hit; detail=process').header('age', String(Math.floor((performance.now() - since) / SECOND)));
    if (isKnown(reply, headers['etag'])) void reply.status(304).send();
    else void reply.send(payload);
  }

  #keep(request: FastifyRequest, reply: FastifyReply, payload: string): void {
    const { ageMs, freshMs } = reply.repeatable as NonNullable<FastifyReply['repeatable']>;
    const now = performance.now();
    // The oldest first: they came first.
    for (const [key, { until }] of this.#kept) {
      if (until > now && this.#kept.size < MOST) break;
      this.#kept.delete(key);
    }
    if (ageMs >= freshMs || payload.length > LONGEST) return;
    const headers = Object.fromEntries(repeated.flatMap((name) => (reply.getHeader(name) === undefined ? [] : [[name, String(reply.getHeader(name))]])));
    this.#kept.set(keyOf(request), { payload, headers, since: now - ageMs, until: now - ageMs + freshMs });
  }
}

/** As it was asked, letter for letter: whoever spells it otherwise is understood by those behind. */
function keyOf({ url, headers: { accept } }: FastifyRequest): string {
  return accept === undefined ? url : `${url} ${accept}`;
}
