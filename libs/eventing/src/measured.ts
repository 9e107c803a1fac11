import { durationBuckets, meter } from '@shop/platform';
import type { ConsumerName } from '@shop/contracts';
import type { Behind } from './bus.ts';
import { MessagingMetrics, type Handling, type Waiting } from './metrics.ts';

/** From a few milliseconds, as it should be, to the minutes of a broker that is away; in seconds. */
const lagBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

const histogram = (name: string, description: string, explicitBucketBoundaries = durationBuckets) =>
  meter().createHistogram(name, { unit: 's', description, advice: { explicitBucketBoundaries } });
const counter = (name: string, unit: string, description: string) => meter().createCounter(name, { unit, description });
const gauge = (name: string, unit: string, description: string) => meter().createGauge(name, { unit, description });

/** Messaging's port filled with OpenTelemetry's instruments. */
export class MeasuredMessaging extends MessagingMetrics {
  readonly #published = counter('messaging.outbox.published', '{message}', 'Messages that the broker has for good');
  readonly #publishDuration = histogram(
    'messaging.outbox.publish.duration',
    'How long the broker took to acknowledge a batch',
  );
  readonly #publishFailures = counter(
    'messaging.outbox.publish.failures',
    '{batch}',
    'Batches that the broker did not take; they are tried again',
  );
  readonly #rejected = counter(
    'messaging.outbox.rejected',
    '{message}',
    'Messages that the broker will never take: set aside for a person',
  );
  readonly #waiting = gauge('messaging.outbox.waiting', '{message}', 'Messages that wait to be published');
  readonly #held = gauge(
    'messaging.outbox.held',
    '{message}',
    'Those of them that are held because their destination does not take them',
  );
  readonly #age = gauge(
    'messaging.outbox.age',
    's',
    'How long the oldest message has waited, whichever instance owns it, or none',
  );
  readonly #unreachable = gauge(
    'messaging.outbox.unreachable',
    's',
    'For how long the broker has not answered the relay of this instance',
  );
  readonly #handling = histogram('messaging.process.duration', 'How long a message took at its consumer, by outcome');
  readonly #lag = histogram(
    'messaging.consumer.lag',
    'From the writing of a message to the end of its handling',
    lagBuckets,
  );
  readonly #parked = gauge('messaging.consumer.parked_keys', '{key}', 'Keys that wait for a message that fails');
  readonly #away = gauge(
    'messaging.consumer.away',
    's',
    'For how long this instance has been no member of its group because its database does not answer',
  );
  readonly #reemitted = counter(
    'messaging.reconciler.reemitted',
    '{event}',
    'Events that never came to a consumer and were sent again: stays 0',
  );
  readonly #lost = counter(
    'messaging.consumer.lost',
    '{message}',
    'Messages that were gone from the topic before they were read: stays 0',
  );
  readonly #unread = gauge(
    'messaging.consumer.unread_partitions',
    '{partition}',
    'Partitions with messages of which the consumer has acknowledged none',
  );
  readonly #behind = gauge(
    'messaging.consumer.behind',
    '{message}',
    'Messages that a consumer has not acknowledged, all its instances together',
  );
  readonly #standsStill = gauge(
    'messaging.consumer.stands_still',
    's',
    'For how long a consumer has acknowledged nothing of a partition that has messages for it',
  );
  readonly #differing = gauge(
    'messaging.copy.differing',
    '{bucket}',
    'Parts of a copy that are not as their owner says',
  );
  readonly #copyLost = gauge('messaging.copy.lost', '{copy}', '1 while a copy may lack what was gone from its topic');
  readonly #otherPartitions = gauge(
    'messaging.topics.other_partitions',
    '{topic}',
    'Topics that have another number of partitions than was agreed on',
  );
  readonly #restored = gauge(
    'messaging.store.restored',
    '{store}',
    '1 while the database is an older state of what the bus knows',
  );
  readonly #pauses = counter(
    'messaging.consumer.pauses',
    '{pause}',
    'How often a consumer paused because too many messages failed',
  );

  override published({ messages, durationMs }: { messages: number; bytes: number; durationMs: number }): void {
    this.#published.add(messages);
    this.#publishDuration.record(durationMs / 1e3);
  }

  override publishFailed(): void {
    this.#publishFailures.add(1);
  }

  override rejected(topic: string): void {
    this.#rejected.add(1, { 'messaging.destination.name': topic });
  }

  override unreachable(ms: number): void {
    this.#unreachable.record(ms / 1e3);
  }

  override waiting({ messages, held, oldestMs }: Waiting): void {
    this.#waiting.record(messages);
    this.#held.record(held);
    this.#age.record(oldestMs / 1e3);
  }

  override handled({ consumer, outcome, durationMs, lagMs }: Handling): void {
    this.#handling.record(durationMs / 1e3, { consumer, outcome });
    if (lagMs !== undefined) this.#lag.record(lagMs / 1e3, { consumer });
  }

  override parkedKeys(consumer: ConsumerName, keys: number): void {
    this.#parked.record(keys, { consumer });
  }

  override away(consumer: ConsumerName, ms: number): void {
    this.#away.record(ms / 1e3, { consumer });
  }

  override reemitted(consumer: string, events: number): void {
    this.#reemitted.add(events, { consumer });
  }

  override lost(consumer: ConsumerName, topic: string, messages: number): void {
    this.#lost.add(messages, { consumer, 'messaging.destination.name': topic });
  }

  override unread(consumer: ConsumerName, partitions: number): void {
    this.#unread.record(partitions, { consumer });
  }

  override behind(consumer: ConsumerName, { messages, standsStillMs }: Behind): void {
    this.#behind.record(messages, { consumer });
    this.#standsStill.record(standsStillMs / 1_000, { consumer });
  }

  override copy(copy: string, { differing, lost }: { differing: number; lost: boolean }): void {
    this.#differing.record(differing, { copy });
    this.#copyLost.record(lost ? 1 : 0, { copy });
  }

  override otherPartitions(topics: number): void {
    this.#otherPartitions.record(topics);
  }

  override restored(is: boolean): void {
    this.#restored.record(is ? 1 : 0);
  }

  override paused(consumer: ConsumerName): void {
    this.#pauses.add(1, { consumer });
  }
}
