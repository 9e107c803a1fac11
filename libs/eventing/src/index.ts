export { MemoryBus } from './memory/memory-bus.ts';
export { KafkaBus } from './kafka/kafka-bus.ts';
export { secured } from './kafka/connection.ts';
export { kafkaSecurity, type KafkaSecurity } from './kafka/security.ts';
export { kafkaClients, openKafka, type KafkaClient } from './kafka/open-kafka.ts';
export {
  MessageBus,
  Unpublishable,
  type BusMessage,
  type Delivery,
  type End,
  type Lost,
  type SubscribeOptions,
  type Subscription,
} from './bus.ts';
export { handleCommand, startStream, type Handled, type HandleOptions, type Process } from './command-handler.ts';
export { Consumer, on, Poison, type Handler } from './consumer.ts';
export { ConsumerRuntime, type ConsumerRuntimeOptions } from './consumer-runtime.ts';
export { AwaitedAnswers, LEAST_AHEAD_MS, type Overdue, type Unanswered } from './awaited-answers.ts';
export { AlreadyHandled, KeyParked, type InboxRow } from './claims.ts';
export { bucketOf, copySummary, differing, judge, type Bucket, type CopyPatience } from './copies.ts';
export { Effect } from './effect.ts';
export { failPoint } from './fail-point.ts';
export { KeyUsed, VersionConflict, type Append, type IdempotencyRow, type StoredAnswer } from './append.ts';
export { EventStore, type RecordedEvent } from './event-store.ts';
export { EventingModule } from './eventing.module.ts';
export { audited, latestActions, type Action } from './operations/audit.ts';
export { Background } from './operations/background.ts';
export { DeadLetterTopics } from './operations/dead-letter-topics.ts';
export { consumerAt, deadLetterAt, deadLetters, planOf, replay, type DeadLetter } from './operations/dead-letters.ts';
export { outboxStatus, summary } from './operations/outbox-status.ts';
export { parkedKeys, release, type Filter } from './operations/parked-keys.ts';
export { forgetAgreement } from './operations/forget-agreement.ts';
export { beginEpoch, forgetPublished, restored, standingOf } from './operations/store-restore.ts';
export { markOf, sentenceOfRestored, type StoreMark, type StoreStanding } from './store-mark.ts';
export { StoreEpoch, StoreRestored } from './store-epoch.ts';
export { putBack } from './operations/put-back.ts';
export { newestOn } from './kafka/newest.ts';
export { readTopic } from './kafka/read-topic.ts';
export { inboxKeptDays, replayWindowDays } from './inbox.ts';
export { MessagingMetrics, Unmeasured, type Handling, type Waiting } from './metrics.ts';
export { event, MAX_PAYLOAD_BYTES, seal, SHARDS, shardOf, type Outgoing } from './outgoing.ts';
export { busTraits, type BusName, type BusTraits } from './bus-traits.ts';
export { browse, makeQueues, openBus, type BusSettings } from './open-bus.ts';
export { lookFrom, LookedThrough } from './looked-through.ts';
export { bodyHashOf, forgetKeys, once, type Attempt, type Once } from './once.ts';
export {
  leaveInLog,
  leaveInTable,
  Outbox,
  PostgresOutbox,
  type LeaveSql,
  type PostgresOutboxOptions,
} from './outbox.ts';
export { Parking } from './parking.ts';
export { idOf } from './read-message.ts';
export { Reconciler, type Missing, type ReconcilerOptions } from './reconciler.ts';
export { QueueRelay, SHARD_LOCK } from './queue-relay.ts';
export { Relay, type RelayOptions } from './relay.ts';
export { Resting, type Book, type RestingOptions } from './resting.ts';
export { agreeOnCount, countTerm, topicsOf } from './partition-counts.ts';
export { PAUSE_LOCK } from './relay-pause.ts';
export type { Outcome } from './settling.ts';
export { WalRelay, type WalRelayOptions } from './wal-relay.ts';
