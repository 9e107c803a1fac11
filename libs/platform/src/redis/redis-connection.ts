import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { circuitBreaker, CircuitState, type CircuitBreakerPolicy, ConsecutiveBreaker, handleWhen } from 'cockatiel';
import { Redis } from 'ioredis';
import type { Logger } from '../service/logger.ts';
import {
  concernsConnection,
  concernsServer,
  isBug,
  NoAnswer,
  reasonOf,
  RedisRefusals,
  RedisUnavailable,
  UnexpectedAnswer,
} from './redis-refusals.ts';

export interface RedisOptions {
  /** Set before every key, so that several shops can share one server. */
  readonly keyPrefix?: string;
  /** How long one command may take, in ms. */
  readonly timeout?: number;
  /** For rediss://: who signs its certificate, and ours, where it asks for one (PEM). */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  /** How long it is left alone after failures in a row, in ms. */
  readonly pause?: number;
  /** Where it is told that Redis does not answer as it should, once a second at most. */
  readonly log?: Pick<Logger, 'warn'>;
}

/** A Redis beside the service answers in well under a millisecond; one that does not is not worth waiting for. */
const patience = 50;
/** Failures in a row after which it is left alone, and how long until it is asked again, in ms. */
const [failures, alone] = [3, 1_000];
/** A socket on which nothing has come back for this long is dead, whatever TCP still hopes, in ms. */
const silence = 2_000;
/** Another connection is tried where that may help, as after a failover, but no more often than this, in ms. */
const reconnectPause = 5_000;

/** Looking whether it is back is for whoever comes, but for one of them at a time, in ms. */
const lookPause = 50;

/**
 * The one connection of a service to Redis, which is never an authority: everything here can fail, costs at most a
 * command's time-out when it does, and three time-outs in a row cost nothing more: then Redis is left alone, and asked
 * by a PING that nobody waits for. Any answer but the expected one is such a failure: whatever Redis may say that
 * nobody here has heard of, its users go on without it, and it is seen (RedisRefusals).
 */
@Injectable()
export class RedisConnection implements OnModuleInit, OnApplicationShutdown {
  readonly #redis: Redis | undefined;
  readonly #timeout: number;
  readonly #breaker: CircuitBreakerPolicy;
  readonly #refusals: RedisRefusals;
  #reconnectAfter = -Infinity;
  #connectionTrouble = 'not connected yet';
  #lookedAt = -Infinity;

  /** Without a URL it is unavailable for good. */
  constructor(
    url: string | undefined,
    { keyPrefix = '', timeout = patience, pause = alone, log, tls }: RedisOptions = {},
  ) {
    this.#timeout = timeout;
    this.#breaker = circuitBreaker(handleWhen(concernsServer), {
      halfOpenAfter: pause,
      breaker: new ConsecutiveBreaker(failures),
    });
    this.#refusals = new RedisRefusals(log);
    if (url === undefined) return;
    this.#redis = new Redis(url, {
      ...(tls && url.startsWith('rediss:') && { tls }),
      keyPrefix,
      lazyConnect: true,
      connectTimeout: 1_000,
      socketTimeout: silence,
      keepAlive: 10_000,
      enableAutoPipelining: true,
      // Offline, a command fails at once instead of joining a queue without end, and none is sent again behind its
      // caller's back.
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
      retryStrategy: (attempt) => Math.min(100 * attempt, 2_000),
      reconnectOnError: (error) => concernsConnection(error) && this.#mayReconnect(),
    });
    // Without a listener each failed connection is printed; what a failure means is decided where the command was sent.
    this.#redis.on('error', (error: Error) => void (this.#connectionTrouble = reasonOf(error)));
  }

  /** Begins to connect; nobody waits for it. */
  onModuleInit(): void {
    if (this.#redis?.status === 'wait') this.#redis.connect().catch(() => undefined);
  }

  /** Whether there is one at all. */
  get configured(): boolean {
    return this.#redis !== undefined;
  }

  /** Whether a command that is sent now has a chance. */
  get available(): boolean {
    return this.#redis?.status === 'ready' && this.#breaker.state === CircuitState.Closed;
  }

  /**
   * Why its users go without it at the moment, or did a moment ago; undefined when all is well, or there is none to be
   * used.
   */
  get trouble(): string | undefined {
    if (!this.#redis) return undefined;
    if (this.#redis.status !== 'ready') return `there is no connection: ${this.#connectionTrouble}`;
    return this.#refusals.recent;
  }

  /**
   * Runs one command, or several of one purpose, which looks at the form of what is answered (`expected`). Throws
   * RedisUnavailable, at once when there is no chance, after `timeout` when there is no answer, and when there is any
   * other answer than the expected one.
   */
  async use<T>(command: (redis: Redis) => Promise<T>): Promise<T> {
    const redis = this.#redis;
    if (!redis || !this.available) throw this.missed();
    try {
      return await this.#breaker.execute(() => this.#inTime(command(redis)));
    } catch (error) {
      if (isBug(error)) throw error;
      this.#refusals.note(error);
      if (error instanceof UnexpectedAnswer && this.#mayReconnect()) redis.disconnect(true);
      throw new RedisUnavailable('Redis does not answer as it should.', { cause: error });
    }
  }

  /**
   * Notes that somebody went on without a Redis that is not available, and looks whether it is back; what may be thrown
   * for it.
   */
  missed(): RedisUnavailable {
    if (!this.#redis) return new RedisUnavailable('There is no Redis.');
    this.look();
    const unavailable = new RedisUnavailable(
      this.#redis.status === 'ready' ? 'Redis is left alone for a moment.' : 'Redis cannot be reached.',
    );
    this.#refusals.note(unavailable);
    return unavailable;
  }

  /** Ends the connection; commands under way fail. */
  close(): void {
    this.#redis?.disconnect();
    this.#refusals.close();
  }

  onApplicationShutdown(): void {
    this.close();
  }

  /** Connects, or asks a Redis that was left alone whether it is back. No caller waits for that. */
  look(): void {
    const [redis, now] = [this.#redis, performance.now()];
    if (now - this.#lookedAt < lookPause) return;
    this.#lookedAt = now;
    this.onModuleInit();
    if (redis?.status !== 'ready' || this.#breaker.state === CircuitState.HalfOpen) return;
    this.#breaker.execute(() => this.#inTime(redis.ping())).catch(() => undefined);
  }

  /** ioredis would time a command from when it is written, not from when it is asked for, and its handshake too. */
  #inTime<T>(answer: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const late = setTimeout(() => reject(new NoAnswer(`no answer within ${this.#timeout} ms`)), this.#timeout);
      answer.then(resolve, reject).finally(() => clearTimeout(late));
    });
  }

  #mayReconnect(): boolean {
    if (performance.now() < this.#reconnectAfter) return false;
    this.#reconnectAfter = performance.now() + reconnectPause;
    return true;
  }
}
