import type { CloudEvent, ConsumerName, PlaceOrder } from '@shop/contracts';

/** What a client was told about one attempt; no status: nothing, the connection broke or the time was up. */
export interface Answer {
  readonly status?: number;
  readonly order?: string;
  readonly code?: string;
  /** When it was asked, by the client's monotonic clock, and how long its answer took, in milliseconds. */
  readonly asked?: number;
  readonly ms?: number;
}

/**
 * One thing a client wanted, and every answer it got to it, in order. The client repeats, under the same key, until it
 * knows.
 */
export type Command = { readonly customer: string; readonly answers: Answer[] } & (
  | { readonly kind: 'place'; readonly key: string; readonly body: PlaceOrder }
  | { readonly kind: 'cancel'; readonly order: string }
);

/** What a client knows in the end: it was done, it was refused for good, or neither. */
export type Outcome = 'ok' | 'failed' | 'unknown';

export interface StoredEvent {
  readonly stream: string;
  readonly version: number;
  readonly id: string;
  readonly type: string;
  readonly data: Record<string, unknown>;
}

/** A message as it lies on a topic; `event` where it is a CloudEvent. */
export interface Published {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly key: string | undefined;
  readonly event: CloudEvent | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** When it was put there, by its producer's clock, in milliseconds. */
  readonly at: number;
}

/** The tables of libs/eventing in one service's database. */
export interface Messaging {
  readonly outbox: readonly { topic: string; key: string }[];
  readonly rejected: readonly { topic: string; key: string; reason: string }[];
  /** `at`: when it was handled, in milliseconds. */
  readonly inbox: readonly { consumer: string; messageId: string; at: number }[];
  readonly parked: readonly { consumer: string; key: string; kind: string; reason: string }[];
  readonly waiting: readonly { consumer: string; messageId: string }[];
  /** Each time that this database was put back to an older state, and a person let another epoch begin on it. */
  readonly epochs: readonly Epoch[];
}

/** In milliseconds: up to when the older state was whole, and when its service was let go on. */
export interface Epoch {
  readonly restoredTo: number;
  readonly beganAt: number;
}

export type ServiceName = 'orders' | 'catalog' | 'payments' | 'notifications';

export interface ListedOrder {
  readonly id: string;
  readonly customer: string;
  readonly status: string;
  readonly total: number;
  readonly currency: string;
  readonly version: number;
}

/** A product as orders prices by it. */
export interface PricedProduct {
  readonly id: string;
  readonly name: string;
  readonly price: number;
  readonly currency: string;
  readonly active: boolean;
  readonly version: number;
}

export interface StockedProduct extends PricedProduct {
  readonly initial: number;
  readonly free: number;
  readonly reserved: number;
  readonly sold: number;
}

export interface Line {
  readonly productId: string;
  readonly quantity: number;
}

/** What the payment provider did, in its own words. */
export interface LedgerRow {
  readonly entry: 'authorisation' | 'decline' | 'capture' | 'void';
  readonly reference: string;
  readonly amount: number;
  readonly currency: string;
}

/** What the processes held at one moment, all of them idle. */
export interface Gauges {
  /** Resident memory of all services, in MiB. */
  readonly memoryMiB: number;
  /** Sockets that all services hold. */
  readonly sockets: number;
}

/**
 * Everything that is known after a run, from those who took part and those who watched. The checker judges by nothing
 * else.
 */
export interface Evidence {
  readonly journal: readonly Command[];
  readonly events: readonly StoredEvent[];
  /** What orders keeps under Idempotency-Keys. */
  readonly keys: readonly { principal: string; key: string; status: number; order: string | undefined }[];
  /** Orders whose saga still awaits a step. */
  readonly awaited: readonly string[];
  readonly list: readonly ListedOrder[];
  readonly priced: readonly PricedProduct[];
  readonly products: readonly StockedProduct[];
  readonly reservations: readonly { order: string; status: string; version: number; lines: readonly Line[] }[];
  readonly payments: readonly { order: string; status: string; version: number }[];
  /** Orders whose provider has not said yet what became of their money. */
  readonly open: readonly string[];
  /** What customers are to be told. */
  readonly messages: readonly { eventId: string; order: string; status: string }[];
  readonly messaging: Readonly<Record<ServiceName, Messaging>>;
  /** Every topic of the product, dead letters too, oldest first within a partition. */
  readonly published: readonly Published[];
  /** What lay on topics before it was deleted there on purpose, oldest first within a partition: it was told. */
  readonly deleted: readonly Published[];
  /** How many partitions a topic has had, one number after the other, where that was changed. */
  readonly counts: Readonly<Partial<Record<string, readonly number[]>>>;
  readonly ledger: readonly LedgerRow[];
  readonly mails: readonly { id: string; order: string }[];
  /** Where messages were put on topics that nobody can handle: `topic:partition:offset`. */
  readonly poison: readonly string[];
  /** What was taken away on its way on purpose, before any topic had it: `topic key #sequence`. */
  readonly lost: readonly string[];
  /** Messages that each consumer group has not acknowledged. */
  readonly lag: Readonly<Partial<Record<ConsumerName, number>>>;
  readonly gauges: { readonly before: Gauges; readonly after: Gauges } | undefined;
  readonly bounds: Bounds;
}

/** What a run allows; a fault that keeps the broker away for a minute allows a minute more. */
export interface Bounds {
  /** From an event to its effect at a consumer. */
  readonly stalenessMs: number;
  /** What memory may have grown by, all services together. */
  readonly memoryMiB: number;
  readonly sockets: number;
}

export type Invariant = 'I1' | 'I2' | 'I3' | 'I4' | 'I5' | 'I6' | 'I7' | 'I8' | 'I9' | 'I10' | 'I11';

/** Which order, key, event or product broke which invariant, and how. */
export interface Violation {
  readonly invariant: Invariant;
  readonly about: string;
  readonly what: string;
}
