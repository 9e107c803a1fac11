import type { Rule } from './rules.ts';

interface Alarm {
  readonly alert: string;
  readonly expr: string;
  /** How long it has to last. */
  readonly lasting: string;
  readonly severity: 'page' | 'ticket';
  readonly summary: string;
}

/**
 * What has to be looked at whatever the objectives say, because it gets worse by itself or should never be. Each has
 * its page in docs/runbooks.
 */
const all: readonly Alarm[] = [
  {
    alert: 'InstanceDown',
    expr: 'up == 0',
    lasting: '1m',
    severity: 'ticket',
    summary: '{{ $labels.instance }} of {{ $labels.job }} does not answer',
  },
  {
    alert: 'ServiceDown',
    expr: 'sum by (job) (up) == 0',
    lasting: '30s',
    severity: 'page',
    summary: 'No instance of {{ $labels.job }} answers',
  },
  {
    alert: 'OutboxStuck',
    expr: 'max by (job) (messaging_outbox_age) > 30',
    lasting: '1m',
    severity: 'page',
    summary: '{{ $labels.job }} has published nothing of its oldest messages for {{ $value | humanizeDuration }}',
  },
  {
    alert: 'DestinationHeld',
    expr: 'max by (job) (messaging_outbox_held) > 0',
    lasting: '1m',
    severity: 'page',
    summary: '{{ $value }} messages of {{ $labels.job }} are held because their destination does not take them',
  },
  {
    alert: 'RelayCutOff',
    expr: 'max by (job, instance) (messaging_outbox_unreachable) > 30',
    lasting: '0s',
    severity: 'ticket',
    summary:
      'The broker has not answered the relay of {{ $labels.instance }} of {{ $labels.job }} for {{ $value | humanizeDuration }}',
  },
  {
    alert: 'MessageRejected',
    expr: 'sum by (job, messaging_destination_name) (increase(messaging_outbox_rejected_total[15m])) > 0',
    lasting: '0s',
    severity: 'page',
    summary: 'The broker refused a message of {{ $labels.job }} for good',
  },
  {
    alert: 'DeadLetters',
    expr: 'sum by (consumer) (increase(messaging_process_duration_count{outcome="dead"}[15m])) > 0',
    lasting: '0s',
    severity: 'ticket',
    summary: '{{ $labels.consumer }} could not read a message',
  },
  {
    alert: 'KeysParked',
    expr: 'max by (consumer) (messaging_consumer_parked_keys) > 0',
    lasting: '5m',
    severity: 'ticket',
    summary: '{{ $value }} keys of {{ $labels.consumer }} wait for a message that fails',
  },
  {
    alert: 'ConsumerPaused',
    expr: 'sum by (consumer) (increase(messaging_consumer_pauses_total[10m])) > 2',
    lasting: '0s',
    severity: 'page',
    summary: '{{ $labels.consumer }} pauses again and again: nearly everything it gets fails',
  },
  {
    alert: 'PartitionsHandedBack',
    expr: 'max by (job, instance, consumer) (messaging_consumer_away) > 30',
    lasting: '0s',
    severity: 'ticket',
    summary:
      '{{ $labels.instance }} of {{ $labels.job }} is no member of {{ $labels.consumer }}: its database has not answered for {{ $value | humanizeDuration }}',
  },
  {
    alert: 'EventsReemitted',
    expr: 'sum by (consumer) (increase(messaging_reconciler_reemitted_total[1h])) > 0',
    lasting: '0s',
    severity: 'page',
    summary: 'Events never came to {{ $labels.consumer }} and were sent again: something loses them',
  },
  {
    alert: 'SagaUnanswered',
    expr: 'max by (step) (shop_saga_unanswered) > 0',
    lasting: '30s',
    severity: 'page',
    summary: '{{ $value }} orders have waited for more than a minute for the answer to {{ $labels.step }}',
  },
  {
    alert: 'MessagesLost',
    expr: 'sum by (consumer, messaging_destination_name) (increase(messaging_consumer_lost_total[1h])) > 0',
    lasting: '0s',
    severity: 'page',
    summary:
      'Messages of {{ $labels.messaging_destination_name }} were gone before {{ $labels.consumer }} had read them',
  },
  {
    alert: 'PartitionsUnread',
    expr: 'max by (consumer) (messaging_consumer_unread_partitions) > 0',
    lasting: '1m',
    severity: 'page',
    summary: '{{ $labels.consumer }} has acknowledged nothing of {{ $value }} partitions that have messages',
  },
  {
    alert: 'ConsumerStandsStill',
    expr: 'max by (consumer) (messaging_consumer_stands_still) > 60',
    lasting: '1m',
    severity: 'page',
    summary:
      '{{ $labels.consumer }} has acknowledged nothing of a partition that has messages for it for {{ $value | humanizeDuration }}',
  },
  {
    alert: 'OtherPartitions',
    expr: 'max by (job) (messaging_topics_other_partitions) > 0',
    lasting: '0s',
    severity: 'page',
    summary:
      '{{ $value }} topics of {{ $labels.job }} have another number of partitions than was agreed on: keys have moved',
  },
  {
    alert: 'StoreRestored',
    expr: 'max by (job) (messaging_store_restored) > 0',
    lasting: '0s',
    severity: 'page',
    summary: 'The database of {{ $labels.job }} is an older state than the bus knows: nothing of it is served',
  },
  {
    alert: 'CopyNotWhole',
    expr: 'max by (copy) (messaging_copy_lost) > 0 or max by (copy) (messaging_copy_differing) > 0',
    lasting: '3m',
    severity: 'page',
    summary: 'The copy of {{ $labels.copy }} is not as its owner says',
  },
  {
    alert: 'BooksDiffer',
    expr: 'sum by (book) (increase(shop_books_differences_total[1h])) > 0',
    lasting: '0s',
    severity: 'page',
    summary: 'The book {{ $labels.book }} says something else of an order than ours',
  },
  {
    alert: 'MailsGivenUp',
    expr: 'sum by (failure) (increase(shop_mails_given_up_total[15m])) > 0',
    lasting: '0s',
    severity: 'ticket',
    summary: '{{ $value }} mails were given up: {{ $labels.failure }}',
  },
  {
    alert: 'PoolExhausted',
    expr: 'min by (job, instance) (db_client_connection_pending_requests) > 0',
    lasting: '1m',
    severity: 'ticket',
    summary: '{{ $labels.instance }} of {{ $labels.job }} waits for connections to its database',
  },
  {
    alert: 'RedisRefuses',
    expr: 'sum by (job, reason) (increase(redis_refusals_total[5m])) > 0',
    lasting: '5m',
    severity: 'ticket',
    summary: '{{ $labels.job }} goes on without Redis: {{ $labels.reason }}',
  },
  {
    alert: 'EventLoopSlow',
    expr: 'nodejs_eventloop_delay_p99 > 0.2',
    lasting: '2m',
    severity: 'ticket',
    summary:
      '{{ $labels.instance }} of {{ $labels.job }} is late by {{ $value | humanizeDuration }} with everything it does',
  },
];

/** `OutboxStuck` → `outbox-stuck`: the page that says what to do. */
export const runbookOf = (alert: string) =>
  `docs/runbooks/${alert.replace(/(?<=[a-z])(?=[A-Z])/g, '-').toLowerCase()}.md`;

export const alarms: readonly Rule[] = all.map(({ alert, expr, lasting, severity, summary }) => ({
  alert,
  expr,
  for: lasting,
  labels: { severity },
  annotations: { summary, runbook: runbookOf(alert) },
}));
