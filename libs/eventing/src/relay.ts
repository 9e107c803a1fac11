import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { Unpublishable, type MessageBus } from './bus.ts';
import { asSent, publishApart, Silent, within, type Outcome, type Refused } from './destinations.ts';
import { DestinationsDown } from './destinations-down.ts';
import { HeldMessages } from './held-messages.ts';
import { Unmeasured, type MessagingMetrics, type Waiting } from './metrics.ts';
import { OutboxLevel } from './outbox-level.ts';
import { MAX_PAYLOAD_BYTES, type OutboxRow } from './outgoing.ts';
import { tellOfPublishing } from './publishing-span.ts';

/** Messages of one shard, or of the log, published together; a kill in between repeats at most one batch. */
export const BATCH = 128;
/**
 * All messages of a batch together are no larger than one may be; one always fits. What a relay holds in memory is
 * bounded by it, too.
 */
export const BATCH_BYTES = MAX_PAYLOAD_BYTES;
/**
 * A session that says nothing for so long is that of a stopped process: the server ends it, and another instance takes
 * over.
 */
export const SILENT_MS = 5_000;
export const HEARTBEAT_MS = 1_000;
/** How long a broker that does not answer may keep a relay from stopping. */
const STOP_DEADLINE_MS = 5_000;
const PAUSE_AFTER_FAILURE_MS = 500;
/**
 * How long a batch may go unanswered before its destinations are asked one by one, and how long each of these then may.
 */
const PATIENCE_MS = 2_000;
const PATIENCE_APART_MS = 1_000;
/**
 * A broker that takes longer than this part of the patience to say that it is there is slow with everything, and is
 * given so many times the patience.
 */
const [PROMPT, SLOW] = [1 / 4, 3];
/** A relay that has published nothing for so long asks whether it could. */
const PROVE_EVERY_MS = 5_000;
/** The same failure is logged so often at most. */
const SAY_AGAIN_MS = 30_000;

export interface RelayLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface RelayOptions {
  /** A direct connection under the service's role, never through a pooler: what a relay owns lives and dies with it. */
  readonly connectionString: string;
  readonly bus: MessageBus;
  readonly log: RelayLog;
  readonly metrics?: MessagingMetrics;
  /** For tests and experiments: called between the broker's acknowledgement and the deletion or confirmation. */
  readonly afterPublish?: (messages: number) => void | Promise<void>;
  /**
   * Asked at the beginning of each session, before anything is taken: rejects where nothing of this database may be
   * published (store-epoch.ts).
   */
  readonly admit?: () => Promise<void>;
  /** How long a batch may go unanswered, in ms, before its destinations are told apart. */
  readonly patienceMs?: number;
  /** How often what waits is measured, in ms, if anybody measures. */
  readonly measureEveryMs?: number;
}

/**
 * A message on its way from the database to the bus. `id` is unique within its shard and grows in commit order within a
 * key.
 */
export interface OutboxMessage extends OutboxRow {
  readonly id: string;
}

/**
 * The driver of the outbox: carries what was committed to the bus. Everything, in the order of each key, at least once;
 * one owner at a time of what it reads, taken over when that owner dies or stops; what the broker will never take is
 * set aside. Both drivers pass one suite (relay.contract.ts). One deployment runs one of them, and writes for it
 * (outbox.ts).
 *
 * Destinations fail apart (docs/adr/0040): where one does not take its messages, these and the later ones of their keys
 * are held in a table, and the rest goes on.
 *
 * A relay lives in sessions: what it owns ends with its connection, and it tries again in half a second. It owns
 * nothing before the broker has answered it, and gives back what it owns when the broker does so no longer: another
 * instance may be better off.
 */
export abstract class Relay {
  protected readonly options: RelayOptions;
  protected readonly metrics: MessagingMetrics;
  /** Absent when nobody measures: a level costs a query. */
  readonly #level: OutboxLevel | undefined;
  readonly #stopping = new AbortController();
  #lastPoll = performance.now();
  #running: Promise<void> | undefined;
  #stopBy = Infinity;
  #down: DestinationsDown | undefined;
  #provenAt = -Infinity;
  #unreachableSince: number | undefined;
  #said = { message: '', at: 0 };

  constructor(options: RelayOptions) {
    this.options = options;
    this.metrics = options.metrics ?? new Unmeasured();
    const { connectionString, measureEveryMs: everyMs } = options;
    if (!(this.metrics instanceof Unmeasured))
      this.#level = new OutboxLevel({ connectionString, everyMs, look: (client) => this.#measure(client) });
  }

  /**
   * Why nothing may be written to the outbox, for people to read; undefined when all is well. A broker that is away is
   * no trouble.
   */
  get trouble(): string | undefined {
    return undefined;
  }

  /** For how long the broker has not answered this instance, in ms; 0 when it does, as far as is known. */
  unreachableMs(): number {
    return this.#unreachableSince === undefined ? 0 : performance.now() - this.#unreachableSince;
  }

  /**
   * Milliseconds since the database answered, or was tried in vain. Neither a broker nor a database that is away counts
   * against it, since starting again would bring neither back.
   */
  idleMs(): number {
    return performance.now() - this.#lastPoll;
  }

  start(): void {
    this.#running ??= this.#run();
    this.#level?.start();
  }

  /** Resolves when messages may be left in the outbox; rejects when they may not, and why. */
  ready(): Promise<void> {
    return Promise.resolve();
  }

  /** Something was committed, or there is an answer to what was held. */
  wake(): void {}

  /** Finishes the batch in hand, unless the broker does not answer, then gives back what it owns. */
  async stop(): Promise<void> {
    this.#stopBy = performance.now() + STOP_DEADLINE_MS;
    this.#stopping.abort();
    this.wake();
    await Promise.all([this.#running, this.#level?.stop()]);
  }

  /** One connection's life: takes what is free, publishes until it is told to stop, and throws when something fails. */
  protected abstract session(): Promise<void>;

  /** What waits to be published, whoever owns it, or nobody. */
  protected abstract waiting(client: pg.Client): Promise<Waiting>;

  async #measure(client: pg.Client): Promise<void> {
    this.metrics.unreachable(this.unreachableMs());
    this.metrics.waiting(await this.waiting(client));
  }

  protected get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  /** The database has answered. */
  protected heard(): void {
    this.#lastPoll = performance.now();
  }

  /** Waits, unless it is told to stop. */
  protected async pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.stopping }).catch(() => {});
  }

  /** What this session holds back for destinations that fail, on the connection that owns what it reads. */
  protected hold(client: pg.Client): DestinationsDown {
    const { bus, log } = this.options;
    return (this.#down = new DestinationsDown({
      bus,
      client,
      held: new HeldMessages(client),
      log,
      metrics: this.metrics,
      onPublished: (messages) => this.#published(messages, 0),
      onRefused: (refused) => this.#alarm(refused),
      onAnswer: () => this.wake(),
    }));
  }

  /** Asks whether the broker is there, unless it has taken something of late. Throws when it is not. */
  protected async proveNowAndThen(everyMs = PROVE_EVERY_MS): Promise<void> {
    if (performance.now() - this.#provenAt < everyMs) return;
    try {
      await this.options.bus.prove();
    } catch (error) {
      this.#unreachableSince ??= performance.now();
      throw error;
    }
    this.#proven();
  }

  /** Whether the broker answers this instance, asked now. */
  protected async proven(): Promise<boolean> {
    try {
      await this.proveNowAndThen(0);
      return true;
    } catch (error) {
      this.#say(error as Error, 'the broker does not answer this instance: it owns nothing until it does');
      return false;
    }
  }

  /**
   * Publishes a batch in the order of each key. Resolves with what the broker will never take, and with what has to
   * wait; throws when the broker is away. `beat` keeps the session awake meanwhile: a slow broker must not cost what is
   * owned.
   */
  protected async publish<M extends OutboxMessage>(
    messages: readonly M[],
    beat: () => void,
  ): Promise<Pick<Outcome<M>, 'refused' | 'held'>> {
    const began = performance.now();
    let heart: NodeJS.Timeout | undefined;
    const givenUp = new Promise<never>((_, reject) => {
      heart = setInterval(() => {
        if (performance.now() > this.#stopBy)
          reject(new Error('stopped while the broker did not answer: whoever is next publishes the batch again'));
        else beat();
      }, HEARTBEAT_MS);
    });
    try {
      const { free, held: waiting } = (await this.#down?.divide(messages)) ?? { free: messages, held: [] };
      if (free.length === 0) return { refused: [], held: waiting };
      const { refused, held, failed } = await Promise.race([this.#publish(free), givenUp]);
      this.#down?.failed(failed);
      const left = new Set<M>([...held, ...refused].map(({ message }) => message));
      this.#published(left.size === 0 ? free : free.filter((message) => !left.has(message)), performance.now() - began);
      this.#alarm(refused);
      await this.options.afterPublish?.(messages.length);
      return { refused, held: [...waiting, ...held] };
    } catch (error) {
      this.metrics.publishFailed();
      throw error;
    } finally {
      clearInterval(heart);
    }
  }

  /** All at once, as long as all goes well; then each destination by itself, if the broker is there at all. */
  async #publish<M extends OutboxMessage>(
    messages: readonly M[],
  ): Promise<Pick<Outcome<M>, 'refused' | 'held' | 'failed'>> {
    const { bus, patienceMs = PATIENCE_MS } = this.options;
    const giveUp = new AbortController();
    const publishing = bus.publish(messages.map(asSent), { givenUp: giveUp.signal });
    let failure = await within(patienceMs, publishing);
    if (failure instanceof Error && !(failure instanceof Unpublishable)) {
      const promptly = await this.#provesPromptly(patienceMs).catch((away: unknown) => {
        giveUp.abort();
        throw away;
      });
      if (failure instanceof Silent) failure = await within(promptly ? 0 : patienceMs * SLOW, publishing);
    }
    if (!(failure instanceof Error)) return { refused: [], held: [], failed: new Map() };
    if (failure instanceof Silent) giveUp.abort();
    if (!(failure instanceof Unpublishable)) {
      this.options.log.warn(
        { err: failure },
        failure instanceof Silent
          ? 'a batch was not answered; asking its destinations one by one'
          : 'a batch was not taken; asking its destinations one by one',
      );
    }
    return publishApart(bus, messages, Math.min(patienceMs, PATIENCE_APART_MS));
  }

  /** Whether the broker is as quick as ever to say that it is there; throws when it does not say so. */
  async #provesPromptly(patienceMs: number): Promise<boolean> {
    this.metrics.publishFailed();
    const asked = performance.now();
    await this.proveNowAndThen(0);
    return performance.now() - asked <= patienceMs * PROMPT;
  }

  #published(messages: readonly OutboxMessage[], durationMs: number): void {
    if (messages.length === 0) return;
    this.#proven();
    for (const message of messages) tellOfPublishing(message);
    this.metrics.published({
      messages: messages.length,
      bytes: messages.reduce((sum, { payload }) => sum + Buffer.byteLength(payload), 0),
      durationMs,
    });
  }

  /** One line for each topic of a batch, however many were refused. */
  #alarm(refused: readonly Refused<OutboxMessage>[]): void {
    for (const { message } of refused) this.metrics.rejected(message.topic);
    for (const [topic, some] of Map.groupBy(refused, ({ message }) => message.topic)) {
      const first = some[0] as Refused<OutboxMessage>;
      const { shard, id, key } = first.message;
      this.options.log.error(
        { topic, messages: some.length, first: { shard, id, key }, reason: first.reason },
        'outbox messages set aside: the broker refuses them for good',
      );
    }
  }

  #proven(): void {
    [this.#provenAt, this.#unreachableSince] = [performance.now(), undefined];
  }

  async #run(): Promise<void> {
    while (!this.stopping.aborted) {
      try {
        await this.options.admit?.();
        await this.session();
      } catch (error) {
        this.#say(error as Error, 'relay lost its connection or the broker; what it owned is free until it is back');
        this.heard();
        await this.pause(PAUSE_AFTER_FAILURE_MS);
      }
      this.#down = undefined;
    }
  }

  /** The same failure again and again is one line every now and then. */
  #say(error: Error, message: string): void {
    const now = performance.now();
    if (this.#said.message === error.message && now - this.#said.at < SAY_AGAIN_MS) return;
    this.#said = { message: error.message, at: now };
    this.options.log.warn({ err: error }, message);
  }
}
