import { setTimeout as sleep } from 'node:timers/promises';
import { deadLetterTopic, type CloudEvent } from '@shop/contracts';
import { inBackground, withTraceparent, type Database } from '@shop/platform';
import { AlreadyHandled, KeyParked } from './claims.ts';
import { Effect } from './effect.ts';
import { Poison, type Consumer, type Handler } from './consumer.ts';
import { byContract, idOf, isUnknownMajor, parse, sequenceOf } from './read-message.ts';
import type { Delivery, MessageBus } from './bus.ts';
import type { Log } from './consumer-runtime.ts';
import type { Outbox } from './outbox.ts';
import type { ParkedMessage, Parking } from './parking.ts';
import { Together } from './together.ts';

/**
 * What became of one message. `parked`: it failed, and its key waits; `waiting`: it has not been tried, because its key
 * waits already.
 */
export type Outcome = 'handled' | 'duplicate' | 'skipped' | 'parked' | 'waiting' | 'dead';

/** A message and what became of it; one that cannot be read has no more than its outcome. */
export interface Settled {
  readonly outcome: Outcome;
  readonly message?: CloudEvent;
}

export interface SettlingOptions {
  readonly consumer: Consumer;
  readonly bus: MessageBus;
  readonly database: Database;
  readonly outbox: Outbox;
  readonly parking: Parking;
  readonly log: Log;
  readonly attempts: number;
  readonly firstRetryMs: number;
  readonly stopping: AbortSignal;
  readonly afterEffect: ((message: CloudEvent) => void | Promise<void>) | undefined;
}

/** Brings one message to an outcome that is stored: its effect, its parking behind its key, or its dead letter. */
export class Settling {
  readonly #options: SettlingOptions;
  readonly #handlers: ReadonlyMap<string, Handler>;
  readonly #together: Together | undefined;

  constructor(options: SettlingOptions) {
    this.#options = options;
    this.#together = options.consumer.sharesTransactions ? new Together(options.database) : undefined;
    this.#handlers = new Map(options.consumer.handlers.map((handler) => [handler.contract.type, handler]));
  }

  /** Throws when no outcome could be stored. */
  async settle(delivery: Delivery): Promise<Settled> {
    let message: CloudEvent;
    try {
      message = parse(delivery);
    } catch (error) {
      await this.#bury(delivery, error as Poison);
      return { outcome: 'dead' };
    }
    return { outcome: await this.#outcomeOf(delivery, message), message };
  }

  /**
   * Works off one key whose messages wait, oldest first, and lets it flow again when nothing is left. At the first that
   * still fails it stays parked, with the reason.
   */
  async workOff(key: string): Promise<void> {
    const { consumer, parking, log } = this.#options;
    for (let next = await parking.first(key); next; next = await parking.first(key)) {
      const delivery = { id: next.messageId, topic: next.topic, key, value: next.payload, headers: {} };
      try {
        const message = parse(delivery);
        await this.#traced(delivery, message, `${consumer.name} ${message.type} (parked)`, () =>
          this.#handle(message, undefined),
        );
      } catch (error) {
        return this.#stillParked(delivery, next.dead, error);
      }
      await parking.done(next.messageId);
    }
    if (await parking.release(key)) log.info({ consumer: consumer.name, key }, 'parked key flows again');
  }

  async #outcomeOf(delivery: Delivery, message: CloudEvent): Promise<Outcome> {
    const { consumer, stopping, afterEffect } = this.#options;
    const key = delivery.key ?? message.subject;
    try {
      const outcome = await this.#traced(delivery, message, `${consumer.name} ${message.type}`, () =>
        this.#attempt(message, key),
      );
      await afterEffect?.(message);
      return outcome;
    } catch (error) {
      if (error instanceof Poison) return this.#bury(delivery, error);
      if (stopping.aborted && !(error instanceof KeyParked)) throw error;
      return this.#park(delivery, message, key, error);
    }
  }

  /** In the trace of what caused the message. */
  #traced<T>(
    { topic }: Delivery,
    { traceparent, id, subject }: CloudEvent,
    name: string,
    work: () => Promise<T>,
  ): Promise<T> {
    return withTraceparent(traceparent, name, () => inBackground(work), {
      'messaging.operation.type': 'process',
      'messaging.destination.name': topic,
      'messaging.consumer.group.name': this.#options.consumer.name,
      'messaging.message.id': id,
      'messaging.message.key': subject,
    });
  }

  /** The handler, tried again while its failure may pass. */
  async #attempt(message: CloudEvent, key: string): Promise<Outcome> {
    const { attempts, firstRetryMs, stopping } = this.#options;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#handle(message, key);
      } catch (error) {
        if (error instanceof Poison || error instanceof KeyParked) throw error;
        if (attempt >= attempts || stopping.aborted) throw error;
        await backoff(attempt, firstRetryMs, stopping);
      }
    }
  }

  async #handle(message: CloudEvent, unlessParked: string | undefined): Promise<Outcome> {
    const { consumer, database, outbox } = this.#options;
    const effect = new Effect(
      database,
      outbox,
      message,
      { consumer: consumer.name, messageId: message.id, unlessParked },
      this.#together,
    );
    const handler = this.#handlers.get(message.type);
    try {
      if (handler) {
        await handler.handle(byContract(message, handler), effect);
        return 'handled';
      }
      // Of a newer major version: its key waits for a consumer that can read it.
      if (isUnknownMajor(message.type, this.#handlers.keys()))
        throw new Error(`${message.type} is of a major version that ${consumer.name} does not know`);
      await consumer.otherwise?.(message, effect);
      return 'skipped';
    } catch (error) {
      if (error instanceof AlreadyHandled) return 'duplicate';
      throw error;
    }
  }

  async #park(delivery: Delivery, message: CloudEvent, key: string, error: unknown): Promise<'parked' | 'waiting'> {
    const { consumer, parking, log } = this.#options;
    const behind = error instanceof KeyParked;
    if (!behind)
      log.warn(
        { err: error, consumer: consumer.name, key, messageId: message.id, type: message.type },
        'key parked: its message failed again and again',
      );
    await parking.park({
      key,
      kind: 'transient',
      reason: behind ? 'waits behind an earlier message' : String(error),
      message: waiting(delivery),
    });
    return behind ? 'waiting' : 'parked';
  }

  /** To the dead-letter topic with its reason; its key, where known, waits for a person. */
  async #bury(delivery: Delivery, poison: Poison): Promise<'dead'> {
    const { consumer, bus, parking, log } = this.#options;
    await bus.publish(
      [
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
      ],
      { lane: 'dead letters' },
    );
    if (delivery.key !== undefined) {
      await parking.park({
        key: delivery.key,
        kind: 'poison',
        reason: poison.message,
        message: { ...waiting(delivery), dead: true },
      });
    }
    log.error(
      { consumer: consumer.name, key: delivery.key, from: delivery.id, reason: poison.message },
      'poison message moved to the dead-letter topic',
    );
    return 'dead';
  }

  async #stillParked(delivery: Delivery & { key: string }, dead: boolean | undefined, error: unknown): Promise<void> {
    const { consumer, parking, log } = this.#options;
    const { key } = delivery;
    log.warn({ err: error, consumer: consumer.name, key }, 'parked key still fails');
    if (error instanceof Poison && !dead) await this.#bury(delivery, error);
    if (error instanceof Poison) await parking.stop(key);
    await parking.note(key, String(error));
  }
}

/** A delivery as it is kept behind its key. */
function waiting(delivery: Delivery): ParkedMessage {
  return {
    messageId: idOf(delivery),
    topic: delivery.topic,
    payload: delivery.value ?? '',
    sequence: sequenceOf(delivery),
  };
}

/** Waits before the next attempt: exponential with full jitter, at most five seconds, cut short by `stopping`. */
export async function backoff(attempt: number, firstMs: number, stopping: AbortSignal): Promise<void> {
  const most = Math.min(5_000, firstMs * 2 ** attempt);
  await sleep(Math.random() * most, undefined, { signal: stopping }).catch(() => {});
}
