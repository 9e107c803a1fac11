import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Health, Logger, meter, UpstreamProblem, withTraceparent } from '@shop/platform';
import { MAX_ATTEMPTS, MAX_WITHOUT_A_WORD, waitAfter } from '../domain/attempts.ts';
import { Messages, type Claimed } from '../messages.ts';
import { Delivery } from './delivery.ts';
import { Unverified } from './addresses.ts';
import { Undeliverable } from './mailer.ts';

/** Mails in hand at once. */
const CONCURRENCY = 8;
/**
 * How soon a retry, or what another instance left behind, is noticed. What this instance queues wakes the sender at
 * once.
 */
const POLL_MS = 500;
/** A mail that takes longer has failed; well within the lease, so that nobody takes it over meanwhile. */
const DEADLINE_MS = 15_000;
const LEASE_MS = 20_000;
/**
 * No poll that ended, well or not, for this long means that nothing is sent any more, whatever this process answers
 * over HTTP. A database that is away is no reason to start again.
 */
const STALE_AFTER_MS = 60_000;

/**
 * Sends queued messages: at least once, since a crash between sending and noting it sends again under the same
 * Message-ID. Several instances share the queue. A transient failure backs off; after MAX_ATTEMPTS, or when refused for
 * good, the message is `failed`.
 */
@Injectable()
export class Sender implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #givenUp = meter().createCounter('shop.mails.given_up', {
    unit: '{mail}',
    description: 'Mails that will not be tried again, and why',
  });
  readonly #inHand = new Set<Promise<void>>();
  #nudge = Promise.withResolvers<void>();
  #lastPoll = performance.now();
  #stopping = false;
  #running: Promise<void> | undefined;

  constructor(
    private readonly messages: Messages,
    private readonly delivery: Delivery,
    private readonly log: Logger,
    health: Health,
  ) {
    health.live('sender', () => {
      const age = Math.round(performance.now() - this.#lastPoll);
      return age > STALE_AFTER_MS ? `last poll ${age} ms ago` : undefined;
    });
  }

  onApplicationBootstrap(): void {
    this.#lastPoll = performance.now();
    this.#running = this.#run();
  }

  /**
   * Takes nothing more, finishes what is in hand. What stays queued is another instance's, or waits for the next start.
   */
  async onApplicationShutdown(): Promise<void> {
    this.#stopping = true;
    this.wake();
    await this.#running;
    await Promise.all(this.#inHand);
    await this.delivery.close();
  }

  /** Says that a message was committed, so that it need not wait for the next poll. */
  wake(): void {
    this.#nudge.resolve();
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      // Renewed before looking: what is committed from here on is seen by this look or wakes the next one.
      this.#nudge = Promise.withResolvers<void>();
      const free = CONCURRENCY - this.#inHand.size;
      const claimed = await this.#claim(free);
      for (const message of claimed) this.#keepInHand(this.deliver(message));
      if (claimed.length === free) await Promise.race(this.#inHand);
      else await this.#nudgeOrPoll();
    }
  }

  async #claim(limit: number): Promise<Claimed[]> {
    try {
      return await this.messages.claim(limit, LEASE_MS);
    } catch (error) {
      this.log.warn({ err: error }, 'queued messages could not be looked at; trying again');
      return [];
    } finally {
      this.#lastPoll = performance.now();
    }
  }

  #keepInHand(delivery: Promise<void>): void {
    this.#inHand.add(delivery);
    void delivery.finally(() => this.#inHand.delete(delivery));
  }

  async #nudgeOrPoll(): Promise<void> {
    const timer = setTimeout(this.#nudge.resolve, POLL_MS);
    await this.#nudge.promise;
    clearTimeout(timer);
  }

  /**
   * One attempt, and the note of how it went. Never throws: without a note the lease ends and the message is due again.
   */
  async deliver(message: Claimed): Promise<void> {
    await withTraceparent(message.traceparent, 'send mail', async () => {
      try {
        if (message.attempt > (message.failedBefore ? MAX_ATTEMPTS : MAX_WITHOUT_A_WORD))
          throw new Undeliverable('given-up');
        await within(DEADLINE_MS, this.delivery.send(message));
        await this.messages.sent(message);
        this.log.info(
          {
            message: message.id,
            order: message.document.orderId,
            kind: message.document.kind,
            attempt: message.attempt,
          },
          'mail sent',
        );
      } catch (error) {
        await this.#noteFailure(message, error);
      }
    }).catch((error: unknown) =>
      this.log.warn({ err: error, message: message.id }, 'how a mail went could not be noted; it is sent again'),
    );
  }

  /** The error itself is neither stored nor logged: a mail server's answer quotes the address. */
  async #noteFailure(message: Claimed, error: unknown): Promise<void> {
    if (error instanceof Unverified) return this.messages.hold(message);
    const failure = error instanceof Undeliverable ? error.reason : codeOf(error);
    const wait = error instanceof Undeliverable ? undefined : waitAfter(message.attempt, Math.random());
    const about = { message: message.id, order: message.document.orderId, attempt: message.attempt, failure };
    if (wait === undefined) {
      await this.messages.giveUp(message, failure);
      this.#givenUp.add(1, { failure });
      this.log.error(about, 'mail given up');
    } else {
      await this.messages.retry(message, failure, wait);
      this.log.warn({ ...about, waitMs: wait }, 'mail not sent; trying again later');
    }
  }
}

/** Rejects with ETIMEDOUT where the work takes longer. */
export async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(Object.assign(new Error(), { code: 'ETIMEDOUT' })), ms);
  return Promise.race([work, late.promise]).finally(() => clearTimeout(timer));
}

/** What may be said of a failure: never its message, which quotes addresses. */
export function codeOf(error: unknown): string {
  if (error instanceof UpstreamProblem) return `${error.upstream}-${error.status}`;
  const { code, name } = error as { code?: unknown; name?: unknown };
  return String(code ?? name ?? 'unknown').slice(0, 100);
}
