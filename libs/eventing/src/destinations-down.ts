import type { MessageBus } from './bus.ts';
import { divide, publishApart, within, type Held, type Outcome, type Refused } from './destinations.ts';
import { rejectFrom, type HeldMessages } from './held-messages.ts';
import type { MessagingMetrics } from './metrics.ts';
import type pg from 'pg';
import type { OutboxMessage, RelayLog } from './relay.ts';

/** How soon a destination that did not take messages is tried again: doubled with each failure up to the last. */
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 10_000;
/**
 * How long an attempt may go unanswered before it is given up, with its connection: doubled with each failure, too,
 * because one that is merely slow must get there.
 */
const FIRST_PATIENCE_MS = 2_000;
const LAST_PATIENCE_MS = 30_000;

/** One destination that messages are held for. */
interface Down {
  /** Whether it took nothing when last tried; else what it is given anew may go, and only held keys wait. */
  failing: boolean;
  failures: number;
  dueAt: number;
  attempt?: { readonly messages: readonly OutboxMessage[]; outcome?: Outcome<OutboxMessage> | Error };
}

export interface DestinationsDownOptions {
  readonly bus: MessageBus;
  readonly client: pg.Client;
  readonly held: HeldMessages;
  readonly log: RelayLog;
  readonly metrics: MessagingMetrics;
  readonly onPublished: (messages: readonly OutboxMessage[]) => void;
  readonly onRefused: (refused: readonly Refused<OutboxMessage>[]) => void;
  /** There is something to tend. */
  readonly onAnswer: () => void;
}

/**
 * The destinations that held messages wait for, of one session of a relay. Each is tried again by itself, in the
 * background, oldest message first: nothing else waits for its answer. What is known here follows from the table, so
 * whoever takes over knows the same.
 */
export class DestinationsDown {
  readonly #options: DestinationsDownOptions;
  readonly #down = new Map<string, Down>();

  constructor(options: DestinationsDownOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#down.size;
  }

  /** Whether anything that is tried again has not been answered yet. */
  get isUnderWay(): boolean {
    return [...this.#down.values()].some(({ attempt }) => attempt && attempt.outcome === undefined);
  }

  /**
   * Every now and then, and whenever other shards are owned: what waits was held by another, or put back by a person.
   */
  async look(shards: readonly number[]): Promise<void> {
    for (const destination of await this.#options.held.destinations(shards)) {
      if (!this.#down.has(destination)) this.#down.set(destination, { failing: true, failures: 0, dueAt: 0 });
    }
  }

  /**
   * What of a batch may be published now, and what waits behind held messages of its key or for a destination that
   * fails. Costs nothing while there are none.
   */
  async divide<M extends OutboxMessage>(
    messages: readonly M[],
  ): Promise<{ free: readonly M[]; held: readonly Held<M>[] }> {
    if (this.#down.size === 0) return { free: messages, held: [] };
    const behind = await this.#options.held.keys(messages.map(({ key }) => key));
    return divide(this.#options.bus, messages, behind, (destination) => this.#down.get(destination)?.failing ?? false);
  }

  /** They did not take what they were given. */
  failed(failures: ReadonlyMap<string, Error>): void {
    for (const [destination, error] of failures) {
      const down = this.#down.get(destination) ?? { failing: false, failures: 0, dueAt: 0 };
      if (!down.failing)
        this.#options.log.error(
          { destination, err: error },
          'a destination does not take messages: its keys are held back, all others go on',
        );
      const wait = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** down.failures);
      this.#down.set(
        destination,
        Object.assign(down, {
          failing: true,
          failures: Math.min(down.failures + 1, 10),
          dueAt: performance.now() + wait,
        }),
      );
    }
  }

  /**
   * Between batches: notes what came of attempts, and begins those that are due. Answers whether there is more to do at
   * once.
   */
  async tend(shards: readonly number[]): Promise<boolean> {
    let busy = false;
    for (const [destination, down] of this.#down) {
      if (down.attempt?.outcome !== undefined)
        await this.#note(destination, down, down.attempt.messages, down.attempt.outcome);
      if (down.attempt === undefined && performance.now() >= down.dueAt) await this.#begin(destination, down, shards);
      busy ||= !down.failing && this.#down.has(destination);
    }
    return busy;
  }

  async #begin(destination: string, down: Down, shards: readonly number[]): Promise<void> {
    const messages = await this.#options.held.first(destination, shards);
    if (messages.length === 0) {
      this.#down.delete(destination);
      if (down.failures === 0) return;
      return this.#options.log.info(
        { destination },
        'a destination takes messages again, and has all that were held for it',
      );
    }
    const attempt: Down['attempt'] = (down.attempt = { messages });
    const patienceMs = Math.min(LAST_PATIENCE_MS, FIRST_PATIENCE_MS * 2 ** down.failures);
    void within(Infinity, publishApart(this.#options.bus, messages, patienceMs)).then((outcome) => {
      attempt.outcome = outcome;
      this.#options.onAnswer();
    });
  }

  async #note(
    destination: string,
    down: Down,
    messages: readonly OutboxMessage[],
    outcome: Outcome<OutboxMessage> | Error,
  ): Promise<void> {
    const { client, held, onPublished, onRefused } = this.#options;
    delete down.attempt;
    if (outcome instanceof Error) return this.failed(new Map([[destination, outcome]]));
    const left = new Set<OutboxMessage>([...outcome.held, ...outcome.refused].map(({ message }) => message));
    const published = messages.filter((message) => !left.has(message));
    if (outcome.refused.length > 0) await rejectFrom(client, 'outbox_held', outcome.refused);
    if (outcome.held.some(({ behind }) => behind !== destination)) await held.turn(outcome.held);
    if (published.length > 0) await held.published(published);
    onPublished(published);
    onRefused(outcome.refused);
    this.failed(outcome.failed);
    // Its messages went, or all of them turned out to wait for others.
    if (!outcome.failed.has(destination)) Object.assign(down, { failing: false, dueAt: 0 });
  }
}
