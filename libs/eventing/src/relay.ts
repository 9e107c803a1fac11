import { setTimeout as sleep } from 'node:timers/promises';
import { Unpublishable, type MessageBus } from './bus.ts';
import { Unmeasured, type MessagingMetrics } from './metrics.ts';
import { MAX_PAYLOAD_BYTES, type OutboxRow } from './outgoing.ts';
import { tellOfPublishing } from './publishing-span.ts';

/** Messages of one shard, or of the log, published together; a kill in between repeats at most one batch. */
export const BATCH = 128;
/** All messages of a batch together are no larger than one may be; one always fits. What a relay holds in memory is bounded by it, too. */
export const BATCH_BYTES = MAX_PAYLOAD_BYTES;
/** A session that says nothing for so long is that of a stopped process: the server ends it, and another instance takes over. */
export const SILENT_MS = 5_000;
export const HEARTBEAT_MS = 1_000;
/** How long a broker that does not answer may keep a relay from stopping. */
const STOP_DEADLINE_MS = 5_000;
const PAUSE_AFTER_FAILURE_MS = 500;

export interface RelayOptions {
  /** A direct connection under the service's role, never through a pooler: what a relay owns lives and dies with it. */
  readonly connectionString: string;
  readonly bus: MessageBus;
  readonly log: { info(o: object, m: string): void; warn(o: object, m: string): void; error(o: object, m: string): void };
  readonly metrics?: MessagingMetrics;
  /** For tests and experiments: called between the broker's acknowledgement and the deletion or confirmation. */
  readonly afterPublish?: (messages: number) => void | Promise<void>;
}

/** A message on its way from the database to the bus. `id` is unique within its shard and grows in commit order within a key. */
export interface OutboxMessage extends OutboxRow {
  readonly id: string;
}

/** A message that the broker will never take, and why. */
export interface Refused<M extends OutboxMessage> {
  readonly message: M;
  readonly reason: string;
}

/**
 * The driver of the outbox: carries what was committed to the bus. Everything, in the order of each key, at least once; one owner at a
 * time of what it reads, taken over when that owner dies or stops; what the broker will never take is set aside. Both drivers pass one
 * suite (relay.contract.ts). One deployment runs one of them, and writes for it (outbox.ts).
 *
 * A relay lives in sessions: what it owns ends with its connection, and it tries again in half a second.
 */
export abstract class Relay {
  protected readonly options: RelayOptions;
  protected readonly metrics: MessagingMetrics;
  /** Whether anybody measures: a level costs a query. */
  protected readonly measured: boolean;
  readonly #stopping = new AbortController();
  #lastPoll = Date.now();
  #running: Promise<void> | undefined;
  #stopBy = Infinity;

  constructor(options: RelayOptions) {
    this.options = options;
    this.metrics = options.metrics ?? new Unmeasured();
    this.measured = !(this.metrics instanceof Unmeasured);
  }

  /** Why nothing may be written to the outbox, for people to read; undefined when all is well. A broker that is away is no trouble. */
  get trouble(): string | undefined {
    return undefined;
  }

  /**
   * Milliseconds since the database answered, or was tried in vain. Neither a broker nor a database that is away counts against it, since starting again would
   * bring neither back.
   */
  idleMs(): number {
    return Date.now() - this.#lastPoll;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Resolves when messages may be left in the outbox; rejects when they may not, and why. */
  ready(): Promise<void> {
    return Promise.resolve();
  }

  /** Something was committed. */
  wake(): void {}

  /** Finishes the batch in hand, unless the broker does not answer, then gives back what it owns. */
  async stop(): Promise<void> {
    this.#stopBy = Date.now() + STOP_DEADLINE_MS;
    this.#stopping.abort();
    this.wake();
    await this.#running;
  }

  /** One connection's life: takes what is free, publishes until it is told to stop, and throws when something fails. */
  protected abstract session(): Promise<void>;

  protected get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  /** The database has answered. */
  protected heard(): void {
    this.#lastPoll = Date.now();
  }

  /** Waits, unless it is told to stop. */
  protected async pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.stopping }).catch(() => {});
  }

  /**
   * Publishes a batch in order and resolves when the broker has all of it but what it will never take. Waits for the broker as long as
   * it takes; `beat` keeps the session awake meanwhile: a slow broker must not cost what is owned.
   */
  protected async publish<M extends OutboxMessage>(messages: readonly M[], beat: () => void): Promise<Refused<M>[]> {
    const began = performance.now();
    let heart: NodeJS.Timeout | undefined;
    const givenUp = new Promise<never>((_, reject) => {
      heart = setInterval(() => {
        if (Date.now() > this.#stopBy) reject(new Error('stopped while the broker did not answer: whoever is next publishes the batch again'));
        else beat();
      }, HEARTBEAT_MS);
    });
    try {
      const refused = await Promise.race([this.#publish(messages), givenUp]);
      const bytes = messages.reduce((sum, { payload }) => sum + Buffer.byteLength(payload), 0);
      this.metrics.published({ messages: messages.length - refused.length, bytes, durationMs: performance.now() - began });
      await this.options.afterPublish?.(messages.length);
      return refused;
    } catch (error) {
      this.metrics.publishFailed();
      throw error;
    } finally {
      clearInterval(heart);
    }
  }

  /** Finds what the broker will never take by halving, in order. */
  async #publish<M extends OutboxMessage>(messages: readonly M[]): Promise<Refused<M>[]> {
    try {
      await this.options.bus.publish(messages.map(({ topic, key, payload }) => ({ topic, key, value: payload })));
      for (const message of messages) tellOfPublishing(message);
      return [];
    } catch (error) {
      const [message] = messages;
      if (!(error instanceof Unpublishable) || message === undefined) throw error;
      if (messages.length === 1) return [this.#refuse(message, error)];
      const middle = Math.ceil(messages.length / 2);
      return [...(await this.#publish(messages.slice(0, middle))), ...(await this.#publish(messages.slice(middle)))];
    }
  }

  #refuse<M extends OutboxMessage>(message: M, error: Unpublishable): Refused<M> {
    const { shard, id, topic, key } = message;
    this.options.log.error({ shard, id, topic, key, err: error }, 'outbox message set aside: the broker refuses it');
    this.metrics.rejected(topic);
    return { message, reason: error.message };
  }

  async #run(): Promise<void> {
    while (!this.stopping.aborted) {
      try {
        await this.session();
      } catch (error) {
        this.options.log.warn({ err: error }, 'relay lost its connection or the broker; what it owned is free until it is back');
        this.heard();
        await this.pause(PAUSE_AFTER_FAILURE_MS);
      }
    }
  }
}
