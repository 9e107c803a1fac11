import {
  authorisePayment,
  capturePayment,
  commitStock,
  consumers,
  orderCancelled,
  orderConfirmed,
  paymentAuthorised,
  paymentDeclined,
  productChanged,
  releaseStock,
  reserveStock,
  stockRefused,
  stockReserved,
  topics,
  voidPayment,
  type CloudEvent,
  type ConsumerName,
  type Topic,
} from '@shop/contracts';
import type { Evidence, Messaging, Published, ServiceName, Violation } from './evidence.ts';
import { findingsOf } from './findings.ts';
import { partitionOf } from './partitions.ts';
import { timesEffective } from './restores.ts';

/** A message of the product that is an event. */
export type Read = Published & { readonly event: CloudEvent };

/** What has an effect at each consumer, and so must be in its inbox; 'all': whatever its topics carry. */
const effective: Record<ConsumerName, readonly { type: string }[] | 'all'> = {
  'orders.saga': [stockReserved, stockRefused, paymentAuthorised, paymentDeclined],
  'orders.prices': [productChanged],
  'orders.list': 'all',
  // Notes about messages, which change nothing.
  'orders.copies': [],
  'orders.reconciler': [],
  // What it announces is in the inbox of whoever lacked it.
  'catalog.copies': [],
  'catalog.stock': [reserveStock, releaseStock, commitStock],
  // Forgetting twice is forgetting once.
  'catalog.cache': [],
  'payments.commands': [authorisePayment, capturePayment, voidPayment],
  'notifications.mail': [orderConfirmed, orderCancelled],
};

/**
 * The events of the product's topics as they were first seen, oldest first within a key; what was injected is not the
 * product's.
 */
function firstSightings({ published, deleted, counts, poison }: Evidence): Read[] {
  const injected = new Set(poison);
  const seen = new Set<string>();
  return asWritten([...deleted, ...published], counts).filter((message): message is Read => {
    if (!(message.topic in topics) || !message.event || injected.has(placeOf(message)) || seen.has(message.event.id))
      return false;
    seen.add(message.event.id);
    return true;
  });
}

/**
 * As it is, but where a topic has got more partitions: what a key has on one partition comes after what it has on
 * another if it was begun later there.
 */
function asWritten(messages: readonly Published[], counts: Evidence['counts']): Published[] {
  const grown = messages.filter(({ topic }) => counts[topic]);
  const begun = new Map<string, number>();
  const nameOf = ({ topic, partition, key }: Published) => `${topic}:${partition} ${key}`;
  for (const one of grown) begun.set(nameOf(one), Math.min(one.at, begun.get(nameOf(one)) ?? Infinity));
  return [
    ...messages.filter(({ topic }) => !counts[topic]),
    ...grown.toSorted((a, b) => (begun.get(nameOf(a)) ?? 0) - (begun.get(nameOf(b)) ?? 0)),
  ];
}

export const placeOf = ({ topic, partition, offset }: Published): string => `${topic}:${partition}:${offset}`;

/**
 * I2: a state change has exactly one event: the n-th change of an order, a reservation, a payment, a product is told
 * once, as what it was.
 */
export function announcedOnce(evidence: Evidence): Violation[] {
  // A snapshot is no change: it tells again what is so.
  const told = Map.groupBy(
    firstSightings(evidence).filter(({ event }) => event.sequence && event.data['snapshot'] !== true),
    ({ topic, event }) => `${topic} ${event.subject} #${event.sequence}`,
  );
  const changes = changesOf(evidence);
  const taken = new Set(evidence.lost);
  const missing = [...changes]
    .filter(([change]) => !told.has(change) && !taken.has(change))
    .map(
      ([change]): Violation => ({ invariant: 'I2', about: `event ${change}`, what: 'happened, and nobody was told' }),
    );
  return [
    ...missing,
    ...[...told].flatMap(([change, messages]): Violation[] => {
      const about = `event ${change}`;
      const wanted = changes.get(change);
      if (!wanted)
        return [{ invariant: 'I2', about, what: `was told (${messages[0]?.event.type}), and never happened` }];
      if (messages.length > 1)
        return [{ invariant: 'I2', about, what: `was told as ${messages.length} different messages` }];
      const { id, type } = messages[0]!.event;
      if (wanted.id !== undefined && wanted.id !== id)
        return [{ invariant: 'I2', about, what: `was told under another id: ${id}, not ${wanted.id}` }];
      return wanted.type && !wanted.type.test(type) ? [{ invariant: 'I2', about, what: `was told as ${type}` }] : [];
    }),
  ];
}

interface Change {
  readonly id?: string;
  readonly type?: RegExp;
}

/** Every change of a key that others hear of, named `topic key #n`. */
function changesOf({ events, reservations, payments, products }: Evidence): Map<string, Change> {
  const kebab = (type: string) => type.replace(/(?<!^)[A-Z]/g, '-$&').toLowerCase();
  const counted = (topic: Topic, rows: readonly { key: string; version: number }[]) =>
    rows.flatMap(({ key, version }) =>
      Array.from({ length: version }, (_, n): [string, Change] => [`${topic} ${key} #${n + 1}`, {}]),
    );
  return new Map([
    ...events.map(({ stream, version, id, type }): [string, Change] => [
      `orders.events ${stream} #${version}`,
      { id, type: new RegExp(`^orders\\.${kebab(type)}\\.v\\d+$`) },
    ]),
    ...counted(
      'catalog.stock',
      reservations.map(({ order, version }) => ({ key: order, version })),
    ),
    ...counted(
      'payments.events',
      payments.map(({ order, version }) => ({ key: order, version })),
    ),
    ...counted(
      'catalog.products',
      products.map(({ id, version }) => ({ key: id, version })),
    ),
  ]);
}

/**
 * I3: no event is effective twice: one message has at most one consequence of a kind, its customer one mail, its order
 * one movement of money. What is only told again because a database was put back is no second one (restores.ts).
 */
export function effectiveOnce(evidence: Evidence): Violation[] {
  const caused = firstSightings(evidence).filter(({ event }) => event.causationid);
  const consequences = Map.groupBy(
    caused,
    ({ event }) => `${event.type} of ${event.subject} from message ${event.causationid}`,
  );
  const twice = [...consequences]
    .map(([what, messages]) => {
      const [{ event }] = messages as [Read, ...Read[]];
      const times = timesEffective(
        messages.map((one) => one.event),
        evidence.messaging,
      );
      return { what, cause: event.causationid, times };
    })
    .filter(({ times }) => times > 1);
  const money = Map.groupBy(evidence.ledger, ({ reference, entry }) => `${entry} for order ${reference}`);
  const mails = Map.groupBy(evidence.messages, ({ order }) => order);
  const sent = Map.groupBy(evidence.mails, ({ order }) => order);
  return [
    ...twice.map(
      ({ what, cause, times }): Violation => ({
        invariant: 'I3',
        about: `event ${cause}`,
        what: `had its effect ${times} times: ${what}`,
      }),
    ),
    ...[...money]
      .filter(([, rows]) => rows.length > 1)
      .map(
        ([what, rows]): Violation => ({
          invariant: 'I3',
          about: `order ${rows[0]?.reference}`,
          what: `${rows.length} times at the provider: ${what}`,
        }),
      ),
    ...[...mails]
      .filter(([, rows]) => rows.length > 1)
      .map(
        ([order, rows]): Violation => ({
          invariant: 'I3',
          about: `order ${order}`,
          what: `its end was made ${rows.length} messages to the customer`,
        }),
      ),
    // A mail may go out twice; then it is the same one, by its Message-ID.
    ...[...sent]
      .filter(([, rows]) => new Set(rows.map(({ id }) => id)).size > 1)
      .map(
        ([order]): Violation => ({
          invariant: 'I3',
          about: `order ${order}`,
          what: 'its customer got different mails',
        }),
      ),
  ];
}

/** I4: versions of a key 1..n, without a gap and in order: on the topic, in one partition, and at every consumer. */
export function inOrder(evidence: Evidence): Violation[] {
  const sightings = firstSightings(evidence);
  return [
    ...Object.keys(topics).flatMap((topic) =>
      orderOnTopic(
        topic,
        sightings.filter((message) => message.topic === topic),
        new Set(evidence.lost),
        evidence.counts[topic],
      ),
    ),
    ...(Object.keys(consumers) as ConsumerName[]).flatMap((consumer) => orderAtConsumer(consumer, sightings, evidence)),
  ];
}

function orderOnTopic(
  topic: string,
  sightings: readonly Read[],
  taken: ReadonlySet<string>,
  counts: readonly number[] = [],
): Violation[] {
  const numbered = sightings.filter(({ event }) => event.sequence);
  const facts = numbered.map(({ event }) => ({ key: event.subject, sequence: Number(event.sequence) }));
  const last = new Map<string, number>();
  for (const { key, sequence } of facts) last.set(key, Math.max(sequence, last.get(key) ?? 0));
  const all = [...last]
    .flatMap(([key, count]) => Array.from({ length: count }, (_, n) => ({ key, sequence: n + 1 })))
    .filter(({ key, sequence }) => !taken.has(`${topic} ${key} #${sequence}`));
  const torn = [...Map.groupBy(sightings, ({ event }) => event.subject)].filter(
    ([key, messages]) =>
      new Set(messages.map(({ partition }) => partition)).size > 1 &&
      !messages.every(({ partition }) => counts.some((count) => partitionOf(key, count) === partition)),
  );
  return [
    ...findingsOf(all, facts)
      .cases.filter((one) => /^(lost|inverted)/.test(one))
      .map(
        (what): Violation => ({ invariant: 'I4', about: `key ${what.split(' ')[1]}`, what: `on ${topic}: ${what}` }),
      ),
    ...torn.map(
      ([key]): Violation => ({
        invariant: 'I4',
        about: `key ${key}`,
        what: `lies in more than one partition of ${topic}`,
      }),
    ),
  ];
}

function orderAtConsumer(
  consumer: ConsumerName,
  sightings: readonly Read[],
  { messaging, published }: Evidence,
): Violation[] {
  const { inbox, waiting } = messaging[serviceOf(consumer)];
  const handledAt = new Map(inbox.filter((row) => row.consumer === consumer).map((row) => [row.messageId, row.at]));
  const excused = new Set([...waiting.map(({ messageId }) => messageId), ...deadAt(consumer, published)]);
  const wanted = effective[consumer];
  const mine = sightings.filter(
    ({ topic, event }) =>
      (consumers[consumer] as readonly string[]).includes(topic) &&
      (wanted === 'all' || wanted.some(({ type }) => type === event.type)),
  );
  const latest = new Map<string, number>();
  return mine.flatMap(({ topic, event }): Violation[] => {
    const at = handledAt.get(event.id);
    const about = `event ${event.id}`;
    if (at === undefined)
      return excused.has(event.id)
        ? []
        : [{ invariant: 'I4', about, what: `${event.type} of ${event.subject} never reached ${consumer}` }];
    const key = `${topic} ${event.subject}`;
    const before = latest.get(key) ?? 0;
    latest.set(key, Math.max(before, at));
    return at < before
      ? [{ invariant: 'I4', about, what: `${event.type} of ${event.subject} reached ${consumer} after a later one` }]
      : [];
  });
}

const deadAt = (consumer: ConsumerName, published: readonly Published[]) =>
  published.flatMap(({ topic, event }) => (topic === `${consumer}.dead-letters` && event ? [event.id] : []));

export const serviceOf = (consumer: ConsumerName): ServiceName => consumer.split('.')[0] as ServiceName;

/** How long an event was on its way to its effect at a consumer. */
export interface Way {
  readonly consumer: string;
  readonly message: Read;
  /** From its time on, in milliseconds. */
  readonly ms: number;
}

/** Of each event and each consumer that it has come to. */
export function waysOf(evidence: Evidence): Way[] {
  const recorded = new Map(firstSightings(evidence).map((message) => [message.event.id, message]));
  const inboxes = Object.values(evidence.messaging).flatMap((one: Messaging) => one.inbox);
  return inboxes.flatMap(({ consumer, messageId, at }): Way[] => {
    const message = recorded.get(messageId);
    return message ? [{ consumer, message, ms: at - Date.parse(message.event.time) }] : [];
  });
}

/** I8: staleness is bounded: from an event's time to its effect at a consumer. */
export function fresh(evidence: Evidence): Violation[] {
  const { stalenessMs } = evidence.bounds;
  return waysOf(evidence)
    .filter(({ ms }) => ms > stalenessMs)
    .map(
      ({ consumer, message: { event }, ms }): Violation => ({
        invariant: 'I8',
        about: `event ${event.id}`,
        what: `took ${ms} ms to ${consumer}; ${stalenessMs} ms are allowed`,
      }),
    );
}

/**
 * I10: poison blocks nobody and never vanishes: each bad message is a dead letter of each of its readers, nothing else
 * is, and nothing else is parked by it.
 */
export function poisonKept({ published, poison, messaging }: Evidence): Violation[] {
  const names = Object.keys(consumers) as ConsumerName[];
  const readers = (place: string) =>
    names.filter((name) => (consumers[name] as readonly string[]).includes(place.split(':')[0] ?? ''));
  const expected = new Set(poison.flatMap((place) => readers(place).map((consumer) => `${consumer} ${place}`)));
  const letters = published.filter(({ topic }) => topic.endsWith('.dead-letters'));
  const dead = new Set(
    letters.map(({ topic, headers }) => `${topic.replace(/\.dead-letters$/, '')} ${headers['dead-letter-from']}`),
  );
  const poisoned = new Set(published.filter((message) => poison.includes(placeOf(message))).map(({ key }) => key));
  const parked = Object.values(messaging).flatMap((one: Messaging) => one.parked);
  const rejected = Object.values(messaging).flatMap((one: Messaging) => one.rejected);
  return [
    ...[...expected]
      .filter((one) => !dead.has(one))
      .map(
        (one): Violation => ({
          invariant: 'I10',
          about: `event ${one.split(' ')[1]}`,
          what: `is in no dead letter of ${one.split(' ')[0]}`,
        }),
      ),
    ...[...dead]
      .filter((one) => !expected.has(one))
      .map(
        (one): Violation => ({
          invariant: 'I10',
          about: `event ${one.split(' ')[1]}`,
          what: `is a dead letter of ${one.split(' ')[0]}, and nothing was wrong with it`,
        }),
      ),
    ...parked
      .filter(({ key, kind }) => kind === 'poison' && !poisoned.has(key))
      .map(
        ({ consumer, key, reason }): Violation => ({
          invariant: 'I10',
          about: `key ${key}`,
          what: `is parked at ${consumer} without poison of its own: ${reason}`,
        }),
      ),
    ...rejected.map(
      ({ topic, key, reason }): Violation => ({
        invariant: 'I10',
        about: `key ${key}`,
        what: `the broker refused its message for ${topic}: ${reason}`,
      }),
    ),
  ];
}
