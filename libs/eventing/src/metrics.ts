import type { ConsumerName } from '@shop/contracts';
import type { Behind } from './bus.ts';
import type { Outcome } from './settling.ts';

/**
 * What waits to be published, as one relay sees it: in the table all of it, whoever owns it, or nobody; in the log what
 * it has read.
 */
export interface Waiting {
  readonly messages: number;
  /** Those of them that are held because their destination does not take them. */
  readonly held: number;
  /** How long ago the oldest of them was written; 0 when nothing waits. */
  readonly oldestMs: number;
}

/** What became of one message at one consumer. */
export interface Handling {
  readonly consumer: ConsumerName;
  readonly outcome: Outcome;
  /** From the moment its turn came to the moment its effect, parking or dead letter was stored. */
  readonly durationMs: number;
  /**
   * From the moment it was written by its producer to the moment it was through here; absent when it cannot be read.
   */
  readonly lagMs?: number;
}

/**
 * What messaging tells whoever measures it: counts as they happen, levels every few seconds. An exporter fills this
 * port; nothing in here waits for it, so its methods return at once and do not throw.
 */
export abstract class MessagingMetrics {
  /** One batch is on the bus for good; a batch that is published again counts again. */
  abstract published(batch: { readonly messages: number; readonly bytes: number; readonly durationMs: number }): void;
  /** The bus did not take a batch: it is tried again. */
  abstract publishFailed(): void;
  /** The bus will never take this message: it is set aside, and somebody has to look. */
  abstract rejected(topic: string): void;
  /** A level. */
  abstract waiting(waiting: Waiting): void;
  /** A level: for how long the broker has not answered this relay, in ms; 0 when it does. */
  abstract unreachable(ms: number): void;

  /** One message is through, in whatever way: handled, duplicate, skipped, parked, waiting or dead. */
  abstract handled(handling: Handling): void;
  /** A level: keys of this consumer whose messages wait, whichever of its instances parked them. */
  abstract parkedKeys(consumer: ConsumerName, keys: number): void;
  /**
   * A level: for how long this instance has been no member of its group because its database does not answer, in ms; 0
   * when it is one.
   */
  abstract away(consumer: ConsumerName, ms: number): void;
  /** Events that never came to this consumer and were sent again by their producer: above zero, something lost them. */
  abstract reemitted(consumer: string, events: number): void;
  /**
   * Messages that this consumer will never be given, because its topic does not have them any more: 1 where their
   * number is unknown.
   */
  abstract lost(consumer: ConsumerName, topic: string, messages: number): void;
  /** A level: partitions with messages of which this consumer has acknowledged none. */
  abstract unread(consumer: ConsumerName, partitions: number): void;
  /** A level: what this consumer has not acknowledged, all its instances together. */
  abstract behind(consumer: ConsumerName, behind: Behind): void;
  /**
   * A level: of a copy of what another service owns, the parts that are not as their owner says, and whether its place
   * on the topic was lost since it was last whole.
   */
  abstract copy(copy: string, state: { readonly differing: number; readonly lost: boolean }): void;
  /** A level: topics of this service that have another number of partitions than was agreed on. */
  abstract otherPartitions(topics: number): void;
  /** A level: whether the database is an older state of what the bus knows. */
  abstract restored(is: boolean): void;
  /** Too many messages failed: the consumer takes none for so long. */
  abstract paused(consumer: ConsumerName, ms: number): void;
}

/** Nobody measures. */
export class Unmeasured extends MessagingMetrics {
  override published(): void {}
  override publishFailed(): void {}
  override rejected(): void {}
  override waiting(): void {}
  override unreachable(): void {}
  override handled(): void {}
  override parkedKeys(): void {}
  override away(): void {}
  override reemitted(): void {}
  override lost(): void {}
  override unread(): void {}
  override behind(): void {}
  override copy(): void {}
  override otherPartitions(): void {}
  override restored(): void {}
  override paused(): void {}
}
