import { setTimeout as sleep } from 'node:timers/promises';
import { consumers, deadLetterTopic, type CloudEvent } from '@shop/contracts';
import { withTraceparent, type Database } from '@shop/platform';
import { atMost } from './at-most.ts';
import { AlreadyHandled, Effect, KeyParked } from './effect.ts';
import { Poison, type Consumer, type Handler } from './consumer.ts';
import { Flood } from './flood.ts';
import { Parking } from './parking.ts';
import { byContract, idOf, isUnknownMajor, parse } from './read-message.ts';
import type { Delivery, MessageBus, Subscription } from './bus.ts';
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
  /** For tests and experiments: called between the effect and the acknowledgement. */
  readonly afterEffect?: (message: CloudEvent) => void | Promise<void>;
}

/** How long a parked message in hand may keep a consumer from stopping. */
const STOP_DEADLINE_MS = 10_000;

/** What became of one message. */
export type Outcome = 'handled' | 'duplicate' | 'skipped' | 'parked' | 'dead';

const defaults = { maxInFlight: 64, attempts: 5, firstRetryMs: 50, floodLimit: 50, floodPauseMs: 10_000, unparkEveryMs: 1_000 };

/**
 * Runs one consumer: parse by contract, inbox, handler, acknowledge. Messages of one key are handled in order, different keys side by side.
 * A message is acknowledged only when its effect, its parking or its dead letter is stored.
 */
export class ConsumerRuntime {
  readonly #options: ConsumerRuntimeOptions & typeof defaults;
  readonly #handlers: ReadonlyMap<string, Handler>;
  readonly #parking: Parking;
  /** The end of each key's queue. */
  readonly #tails = new Map<string, Promise<void>>();
  readonly #counts: Record<Outcome, number> = { handled: 0, duplicate: 0, skipped: 0, parked: 0, dead: 0 };
  readonly #stopping = new AbortController();
  readonly #flood: Flood;
  #subscription: Subscription | undefined;
  #unparking: Promise<void> | undefined;

  constructor(options: ConsumerRuntimeOptions) {
    this.#options = { ...defaults, ...options };
    this.#handlers = new Map(options.consumer.handlers.map((handler) => [handler.contract.type, handler]));
    this.#parking = new Parking(options.database, options.consumer.name);
    this.#flood = new Flood(this.#options.floodLimit, this.#options.floodPauseMs);
  }

  /** What has become of messages since the start. */
  get counts(): Readonly<Record<Outcome, number>> {
    return this.#counts;
  }

  /** Milliseconds since the bus last answered. */
  idleMs(): number {
    return this.#subscription?.idleMs() ?? 0;
  }

  async start(): Promise<void> {
    const { consumer, bus, maxInFlight } = this.#options;
    this.#subscription = await bus.subscribe({
      group: consumer.name,
      topics: consumers[consumer.name],
      maxInFlight,
      handle: (delivery) => this.#inKeyOrder(delivery),
    });
    this.#unparking = this.#unparkUntilStopped();
  }

  /** Takes no more messages, finishes those in hand. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all([this.#subscription?.close(), atMost(STOP_DEADLINE_MS, this.#unparking)]);
  }

  #inKeyOrder(delivery: Delivery): Promise<void> {
    const key = delivery.key ?? delivery.id;
    const before = this.#tails.get(key) ?? Promise.resolve();
    const mine = before.then(() => this.#deliver(delivery));
    this.#tails.set(key, mine);
    return mine.finally(() => {
      if (this.#tails.get(key) === mine) this.#tails.delete(key);
    });
  }

  /** Comes back only when the outcome is stored; a database or broker that is away is waited for, never skipped over. */
  async #deliver(delivery: Delivery): Promise<void> {
    for (let attempt = 0; !this.#stopping.signal.aborted; attempt++) {
      try {
        await this.#whilePaused();
        const outcome = await this.#settle(delivery);
        this.#count(outcome);
        return;
      } catch (error) {
        this.#options.log.error({ err: error, consumer: this.#options.consumer.name }, 'the outcome of a message could not be stored; trying again');
        await this.#backoff(attempt);
      }
    }
    throw new Error('stopped before the outcome was stored: not acknowledged, so the message comes again');
  }

  async #settle(delivery: Delivery): Promise<Outcome> {
    let message: CloudEvent;
    try {
      message = parse(delivery);
    } catch (error) {
      return this.#bury(delivery, error as Poison);
    }
    const key = delivery.key ?? message.subject;
    try {
      const outcome = await withTraceparent(message.traceparent, `${this.#options.consumer.name} ${message.type}`, () => this.#attempt(message, key));
      await this.#options.afterEffect?.(message);
      return outcome;
    } catch (error) {
      if (error instanceof Poison) return this.#bury(delivery, error);
      const { name } = this.#options.consumer;
      if (!(error instanceof KeyParked)) {
        if (this.#stopping.signal.aborted) throw error;
        this.#options.log.warn({ err: error, consumer: name, key, messageId: message.id, type: message.type }, 'key parked: its message failed again and again');
      }
      const reason = error instanceof KeyParked ? 'waits behind an earlier message' : String(error);
      const waiting = { messageId: message.id, topic: delivery.topic, payload: delivery.value ?? '' };
      await this.#parking.park({ key, kind: 'transient', reason, message: waiting });
      return 'parked';
    }
  }

  /** The handler, tried again while its failure may pass. */
  async #attempt(message: CloudEvent, key: string): Promise<Outcome> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#handle(message, key);
      } catch (error) {
        if (error instanceof Poison || error instanceof KeyParked) throw error;
        if (attempt >= this.#options.attempts || this.#stopping.signal.aborted) throw error;
        await this.#backoff(attempt);
      }
    }
  }

  async #handle(message: CloudEvent, unlessParked: string | undefined): Promise<Outcome> {
    const { consumer, database, outbox } = this.#options;
    const effect = new Effect(database, outbox, message, { consumer: consumer.name, messageId: message.id, unlessParked });
    const handler = this.#handlers.get(message.type);
    try {
      if (handler) {
        await handler.handle(byContract(message, handler), effect);
        return 'handled';
      }
      // Of a newer major version: its key waits for a consumer that can read it.
      if (isUnknownMajor(message.type, this.#handlers.keys())) throw new Error(`${message.type} is of a major version that ${consumer.name} does not know`);
      await consumer.otherwise?.(message, effect);
      return 'skipped';
    } catch (error) {
      if (error instanceof AlreadyHandled) return 'duplicate';
      throw error;
    }
  }

  /** To the dead-letter topic with its reason; its key, where known, waits for a person. */
  async #bury(delivery: Delivery, poison: Poison): Promise<Outcome> {
    const { consumer, bus, log } = this.#options;
    await bus.publish([
      {
        topic: deadLetterTopic(consumer.name),
        ...(delivery.key === undefined ? {} : { key: delivery.key }),
        value: delivery.value ?? '',
        headers: {
          ...delivery.headers,
          'dead-letter-reason': poison.message.slice(0, 1_000),
          'dead-letter-topic': delivery.topic,
          'dead-letter-from': delivery.id,
          'dead-letter-at': new Date().toISOString(),
        },
      },
    ]);
    if (delivery.key !== undefined) {
      const message = { messageId: idOf(delivery), topic: delivery.topic, payload: delivery.value ?? '', dead: true };
      await this.#parking.park({ key: delivery.key, kind: 'poison', reason: poison.message, message });
    }
    log.error({ consumer: consumer.name, key: delivery.key, from: delivery.id, reason: poison.message }, 'poison message moved to the dead-letter topic');
    return 'dead';
  }

  #count(outcome: Outcome): void {
    this.#counts[outcome]++;
    if (outcome !== 'parked' && outcome !== 'dead') return;
    if (!this.#flood.rises()) return;
    const { consumer, floodPauseMs } = this.#options;
    this.#options.log.error({ consumer: consumer.name, pauseMs: floodPauseMs }, 'too many failures: the consumer pauses instead of draining its topic');
  }

  async #whilePaused(): Promise<void> {
    while (!this.#stopping.signal.aborted && this.#flood.pauseMs() > 0) await this.#sleep(this.#flood.pauseMs());
    this.#stopping.signal.throwIfAborted();
  }

  async #unparkUntilStopped(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      await this.#sleep(this.#options.unparkEveryMs);
      if (this.#stopping.signal.aborted) return;
      try {
        for (const key of await this.#parking.due()) await this.#workOff(key);
      } catch (error) {
        this.#options.log.warn({ err: error, consumer: this.#options.consumer.name }, 'parked keys could not be looked at');
      }
    }
  }

  /** Handles what waits behind a key, oldest first, and lets the key flow again when nothing is left. */
  async #workOff(key: string): Promise<void> {
    for (let waiting = await this.#parking.first(key); waiting; waiting = await this.#parking.first(key)) {
      const delivery = { id: waiting.messageId, topic: waiting.topic, key, value: waiting.payload, headers: {} };
      try {
        const message = parse(delivery);
        await withTraceparent(message.traceparent, `${this.#options.consumer.name} ${message.type} (parked)`, () => this.#handle(message, undefined));
      } catch (error) {
        return this.#stillParked(delivery, waiting.dead, error);
      }
      await this.#parking.done(waiting.messageId);
    }
    if (await this.#parking.release(key)) this.#options.log.info({ consumer: this.#options.consumer.name, key }, 'parked key flows again');
  }

  async #stillParked(delivery: Delivery & { key: string }, dead: boolean | undefined, error: unknown): Promise<void> {
    const { key } = delivery;
    this.#options.log.warn({ err: error, consumer: this.#options.consumer.name, key }, 'parked key still fails');
    if (error instanceof Poison && !dead) await this.#bury(delivery, error);
    else if (error instanceof Poison) await this.#parking.park({ key, kind: 'poison', reason: error.message });
    await this.#parking.note(key, String(error));
  }

  /** Exponential with full jitter, at most five seconds. */
  #backoff(attempt: number): Promise<void> {
    const most = Math.min(5_000, this.#options.firstRetryMs * 2 ** attempt);
    return this.#sleep(Math.random() * most);
  }

  async #sleep(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stopping.signal }).catch(() => {});
  }
}
