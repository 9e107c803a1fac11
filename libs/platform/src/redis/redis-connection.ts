import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { circuitBreaker, CircuitState, ConsecutiveBreaker, handleWhen } from 'cockatiel';
import { Redis, ReplyError } from 'ioredis';

export interface RedisOptions {
  /** Set before every key, so that several shops can share one server. */
  readonly keyPrefix?: string;
  /** How long one command may take, in ms. */
  readonly timeout?: number;
}

/** Redis cannot be used now: it is not configured, not there, silent, or takes no writes. Whoever asked goes on without it. */
export class RedisUnavailable extends Error {
  override readonly name = 'RedisUnavailable';
}

/** A Redis beside the service answers in well under a millisecond; one that does not is not worth waiting for. */
const patience = 50;
/** Failures in a row after which it is left alone, and how long until it is asked again, in ms. */
const [failures, pause] = [3, 1_000];
/** A socket on which nothing has come back for this long is dead, whatever TCP still hopes, in ms. */
const silence = 2_000;
/** A failover may leave us with the old primary: another look at the address, but no more often than this, in ms. */
const readonlyPause = 5_000;

/** Looking whether it is back is for whoever comes, but for one of them at a time, in ms. */
const lookPause = 50;

/** What the server says when it cannot now; any other refusal is a bug of ours. */
const passing = /^(READONLY|LOADING|BUSY|MASTERDOWN|NOREPLICAS|MISCONF|OOM|CLUSTERDOWN|TRYAGAIN)\b/;
const isPassing = (error: unknown) => !(error instanceof ReplyError) || passing.test((error as Error).message);

/**
 * The one connection of a service to Redis, which is never an authority: everything here can fail, costs at most a command's time-out when
 * it does, and three time-outs in a row cost nothing more: then Redis is left alone, and asked by a PING that nobody waits for.
 */
@Injectable()
export class RedisConnection implements OnModuleInit, OnApplicationShutdown {
  readonly #redis: Redis | undefined;
  readonly #timeout: number;
  readonly #breaker = circuitBreaker(handleWhen(isPassing), { halfOpenAfter: pause, breaker: new ConsecutiveBreaker(failures) });
  #readonlyUntil = 0;
  #lookedAt = -Infinity;

  /** Without a URL it is unavailable for good. */
  constructor(url: string | undefined, { keyPrefix = '', timeout = patience }: RedisOptions = {}) {
    this.#timeout = timeout;
    if (url === undefined) return;
    this.#redis = new Redis(url, {
      keyPrefix,
      lazyConnect: true,
      connectTimeout: 1_000,
      socketTimeout: silence,
      keepAlive: 10_000,
      enableAutoPipelining: true,
      // Offline, a command fails at once instead of joining a queue without end, and none is sent again behind its caller's back.
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
      retryStrategy: (attempt) => Math.min(100 * attempt, 2_000),
      reconnectOnError: (error) => this.#isOldPrimary(error),
    });
    // Without a listener each failed connection is printed; what a failure means is decided where the command was sent.
    this.#redis.on('error', () => {});
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

  /** Runs one command, or several of one purpose. Throws RedisUnavailable at once when there is no chance, and after `timeout` when there is no answer. */
  async use<T>(command: (redis: Redis) => Promise<T>): Promise<T> {
    const redis = this.#redis;
    if (!redis || !this.available) {
      this.look();
      throw new RedisUnavailable(redis ? 'Redis does not answer.' : 'There is no Redis.');
    }
    try {
      return await this.#breaker.execute(() => this.#inTime(command(redis)));
    } catch (error) {
      throw isPassing(error) ? new RedisUnavailable('Redis does not answer as it should.', { cause: error }) : error;
    }
  }

  /** Ends the connection; commands under way fail. */
  close(): void {
    this.#redis?.disconnect();
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
      const late = setTimeout(() => reject(new Error(`no answer within ${this.#timeout} ms`)), this.#timeout);
      answer.then(resolve, reject).finally(() => clearTimeout(late));
    });
  }

  #isOldPrimary({ message }: Error): boolean {
    if (!message.startsWith('READONLY') || performance.now() < this.#readonlyUntil) return false;
    this.#readonlyUntil = performance.now() + readonlyPause;
    return true;
  }
}
