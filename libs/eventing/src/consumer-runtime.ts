import { setTimeout as sleep } from 'node:timers/promises';
import { consumers, type CloudEvent, type ConsumerName } from '@shop/contracts';
import type { Database } from '@shop/platform';
import { atMost } from './at-most.ts';
import { Checkpoints } from './checkpoints.ts';
import { Flood } from './flood.ts';
import { purgeInbox } from './inbox.ts';
import { Unmeasured, type MessagingMetrics } from './metrics.ts';
import { Parking } from './parking.ts';
import { backoff, Settling, type Outcome, type Settled } from './settling.ts';
import type { Delivery, Lost, MessageBus, Subscription } from './bus.ts';
import type { Consumer } from './consumer.ts';
import type { Outbox } from './outbox.ts';

export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface ConsumerRuntimeOptions {
  readonly consumer: Consumer;
  readonly bus: MessageBus;
  readonly database: Database;
  readonly outbox: Outbox;
  readonly log: Log;
  readonly metrics?: MessagingMetrics;
  /** Messages in hand at once; different keys side by side. */
  readonly maxInFlight?: number;
  /** Attempts before the key is parked, and the first wait in ms; it doubles with each, with jitter. */
  readonly attempts?: number;
  readonly firstRetryMs?: number;
  /** Failures (parked or dead) within ten seconds after which the consumer pauses instead of draining its topic. */
  readonly floodLimit?: number;
  readonly floodPauseMs?: number;
  /** How often parked keys are looked at, in ms. */
  readonly unparkEveryMs?: number;
  /** How often its producer is told what has come, in ms. */
  readonly checkpointEveryMs?: number;
  /** How often metrics are told levels, in ms. */
  readonly levelsEveryMs?: number;
  /**
   * How long the database may not answer, in ms, before this instance leaves its group, so that others get its
   * partitions.
   */
  readonly leaveAfterMs?: number;
  /** For tests and experiments: called between the effect and the acknowledgement. */
  readonly afterEffect?: (message: CloudEvent) => void | Promise<void>;
}

/** How long a parked message in hand may keep a consumer from stopping. */
const STOP_DEADLINE_MS = 10_000;
const PURGE_EVERY_MS = 60_000;
/** How long a last checkpoint may take. */
const LAST_WORD_MS = 1_000;

const defaults = {
  maxInFlight: 64,
  attempts: 5,
  firstRetryMs: 50,
  floodLimit: 50,
  floodPauseMs: 10_000,
  unparkEveryMs: 1_000,
  levelsEveryMs: 5_000,
  checkpointEveryMs: 5_000,
  leaveAfterMs: 5_000,
  metrics: new Unmeasured() as MessagingMetrics,
};

/** One membership of the group, from joining it to leaving it. */
interface Membership {
  /** The end of each key's queue. */
  readonly tails: Map<string, Promise<void>>;
  /** How to give back each message in hand. */
  readonly inHand: Set<(why: Error) => void>;
  left: boolean;
}

/**
 * Runs one consumer: parse by contract, inbox, handler, acknowledge. Messages of one key are handled in order,
 * different keys side by side. A message is acknowledged only when its effect, its parking or its dead letter is
 * stored. An instance that cannot reach its database is no member of the group: what it held, others handle, and it
 * comes back when it can.
 */
export class ConsumerRuntime {
  readonly #options: ConsumerRuntimeOptions & typeof defaults;
  readonly #parking: Parking;
  readonly #settling: Settling;
  readonly #counts: Record<Outcome, number> = { handled: 0, duplicate: 0, skipped: 0, parked: 0, waiting: 0, dead: 0 };
  readonly #stopping = new AbortController();
  readonly #flood: Flood;
  readonly #checkpoints: Checkpoints | undefined;
  /** What is in hand, oldest first, by when it came. */
  readonly #inHand = new Set<{ readonly since: number }>();
  #membership: Membership | undefined;
  #subscription: Subscription | undefined;
  /** When the database last answered. */
  #answeredAt = performance.now();
  #rounds: Promise<unknown> | undefined;

  constructor(options: ConsumerRuntimeOptions) {
    this.#options = { ...defaults, ...options };
    const { consumer, bus, database, floodLimit, floodPauseMs, afterEffect } = this.#options;
    this.#parking = new Parking(database, consumer.name);
    this.#settling = new Settling({
      ...this.#options,
      afterEffect,
      parking: this.#parking,
      stopping: this.#stopping.signal,
    });
    this.#flood = new Flood(floodLimit, floodPauseMs);
    this.#checkpoints = consumer.checkpoint && new Checkpoints(consumer.name, consumer.checkpoint, bus);
  }

  get name(): ConsumerName {
    return this.#options.consumer.name;
  }

  /** What has become of messages since the start. */
  get counts(): Readonly<Record<Outcome, number>> {
    return this.#counts;
  }

  /** Milliseconds since the bus last answered. */
  idleMs(): number {
    return this.#subscription?.idleMs() ?? 0;
  }

  /**
   * For how long this instance has been no member of its group because its database does not answer, in ms; 0 when it
   * is one.
   */
  awayMs(): number {
    return this.#membership || !this.#rounds ? 0 : performance.now() - this.#answeredAt;
  }

  /** Joins the group, unless the database does not answer: then as soon as it does. */
  async start(): Promise<void> {
    await this.#asked(() => this.#parking.count()).catch((error: unknown) =>
      this.#options.log.warn({ err: error, consumer: this.name }, 'no database yet; the group is joined when there is'),
    );
    this.#rounds = this.#startRounds();
  }

  /** Takes no more messages, finishes those in hand. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all([this.#subscription?.close(), atMost(STOP_DEADLINE_MS, this.#rounds)]);
    await atMost(LAST_WORD_MS, this.#tellProducer());
  }

  async #onLost(lost: Lost): Promise<void> {
    const { consumer, metrics, log, firstRetryMs } = this.#options;
    const { signal } = this.#stopping;
    metrics.lost(consumer.name, lost.topic, lost.messages ?? 1);
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        return await consumer.lost?.(lost);
      } catch (error) {
        log.error({ err: error, consumer: consumer.name }, 'what was lost could not be noted; trying again');
        await backoff(attempt, firstRetryMs, signal);
      }
    }
  }

  /** Asks the database, which says whether this instance can be a member. */
  async #asked<T>(question: () => Promise<T>): Promise<T> {
    try {
      const answer = await question();
      this.#answeredAt = performance.now();
      await this.#join();
      return answer;
    } catch (error) {
      if (performance.now() - this.#answeredAt >= this.#options.leaveAfterMs) await this.#leave();
      throw error;
    }
  }

  async #join(): Promise<void> {
    if (this.#membership || this.#stopping.signal.aborted) return;
    const { consumer, bus, maxInFlight } = this.#options;
    const membership: Membership = (this.#membership = { tails: new Map(), inHand: new Set(), left: false });
    const handle = (delivery: Delivery) => this.#inKeyOrder(delivery, membership);
    this.#subscription = await bus.subscribe({
      group: consumer.name,
      topics: consumers[consumer.name],
      maxInFlight,
      handle,
      onLost: (lost) => void this.#onLost(lost),
    });
  }

  async #leave(): Promise<void> {
    const [membership, subscription] = [this.#membership, this.#subscription];
    if (!membership || !subscription) return;
    const ms = Math.round(performance.now() - this.#answeredAt);
    this.#options.log.error(
      { consumer: this.name, ms },
      'the database does not answer: partitions are handed back until it does',
    );
    [this.#membership, this.#subscription] = [undefined, undefined];
    membership.left = true;
    for (const giveBack of membership.inHand)
      giveBack(new Error('the group was left: not acknowledged, so the message comes again'));
    await subscription.close();
  }

  /**
   * What is in hand when the group is left comes again, here or elsewhere; what is still done with it here, the inbox
   * keeps from being done twice.
   */
  #inKeyOrder(delivery: Delivery, membership: Membership): Promise<void> {
    const { tails, inHand } = membership;
    const key = delivery.key ?? delivery.id;
    const before = tails.get(key) ?? Promise.resolve();
    const mine = before.then(() => this.#deliver(delivery, membership));
    const came = { since: performance.now() };
    this.#inHand.add(came);
    tails.set(key, mine);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    inHand.add(reject);
    void mine.then(resolve, reject).finally(() => {
      this.#inHand.delete(came);
      inHand.delete(reject);
      if (tails.get(key) === mine) tails.delete(key);
    });
    return promise;
  }

  /**
   * Comes back only when the outcome is stored; a database or broker that is away is waited for, never skipped over.
   */
  async #deliver(delivery: Delivery, membership: Membership): Promise<void> {
    const { consumer, log, firstRetryMs } = this.#options;
    const { signal } = this.#stopping;
    const began = performance.now();
    for (let attempt = 0; !signal.aborted && !membership.left; attempt++) {
      try {
        await this.#whilePaused();
        this.#note(await this.#settling.settle(delivery), performance.now() - began);
        this.#answeredAt = performance.now();
        return;
      } catch (error) {
        log.error(
          { err: error, consumer: consumer.name },
          'the outcome of a message could not be stored; trying again',
        );
        await backoff(attempt, firstRetryMs, signal);
      }
    }
    throw new Error(
      'stopped, or left the group, before the outcome was stored: not acknowledged, so the message comes again',
    );
  }

  #note({ outcome, message }: Settled, durationMs: number): void {
    const { consumer, metrics, log, floodPauseMs } = this.#options;
    this.#counts[outcome]++;
    if (message) this.#checkpoints?.note(message);
    const lagMs = message && Math.max(0, Date.now() - Date.parse(message.time));
    metrics.handled({ consumer: consumer.name, outcome, durationMs, ...(lagMs !== undefined && { lagMs }) });
    // Those that wait behind a parked key have not failed: many of them say only that the key is a busy one.
    if (outcome !== 'parked' && outcome !== 'dead') return;
    if (!this.#flood.rises()) return;
    log.error(
      { consumer: consumer.name, pauseMs: floodPauseMs },
      'too many failures: the consumer pauses instead of draining its topic',
    );
    metrics.paused(consumer.name, floodPauseMs);
  }

  async #whilePaused(): Promise<void> {
    while (!this.#stopping.signal.aborted && this.#flood.pauseMs() > 0) await this.#sleep(this.#flood.pauseMs());
    this.#stopping.signal.throwIfAborted();
  }

  /** Nothing that the producer hears is needed by anybody here: a bus that does not take it holds nobody up. */
  async #tellProducer(): Promise<void> {
    const [oldest] = this.#inHand;
    const inHandMs = oldest ? performance.now() - oldest.since : 0;
    await this.#checkpoints?.publish(Math.max(inHandMs, this.idleMs(), this.#flood.pauseMs()));
  }

  #startRounds(): Promise<unknown> {
    const { consumer, database, metrics, log, unparkEveryMs, levelsEveryMs, checkpointEveryMs } = this.#options;
    return Promise.all([
      this.#checkpoints
        ?.retell(database)
        .catch((error: unknown) =>
          log.warn({ err: error, consumer: consumer.name }, 'the producer could not be told what had come before'),
        ),
      this.#every(checkpointEveryMs, 'the producer could not be told what has come', () => this.#tellProducer()),
      this.#every(unparkEveryMs, 'parked keys could not be looked at', async () => {
        for (const key of await this.#asked(() => this.#parking.due())) await this.#settling.workOff(key);
      }),
      this.#every(levelsEveryMs, 'parked keys could not be counted', async () => {
        metrics.away(consumer.name, this.awayMs());
        metrics.unread(consumer.name, this.#subscription?.unread ?? 0);
        metrics.behind(consumer.name, this.#subscription?.behind ?? { messages: 0, standsStillMs: 0 });
        metrics.parkedKeys(consumer.name, await this.#parking.count());
      }),
      this.#every(PURGE_EVERY_MS, 'old inbox rows could not be forgotten', () =>
        purgeInbox(database, consumer.name, this.#stopping.signal),
      ),
    ]);
  }

  /** Works in rounds until this stops; a round that fails is logged, and the next one tries again. */
  async #every(ms: number, failure: string, work: () => Promise<unknown>): Promise<void> {
    const { consumer, log } = this.#options;
    while (!this.#stopping.signal.aborted) {
      await this.#sleep(ms);
      if (this.#stopping.signal.aborted) return;
      await work().catch((error: unknown) => log.warn({ err: error, consumer: consumer.name }, failure));
    }
  }

  async #sleep(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stopping.signal }).catch(() => {});
  }
}
