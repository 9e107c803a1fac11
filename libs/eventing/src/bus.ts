/** A message on its way to a bus. */
export interface BusMessage {
  readonly topic: string;
  /** Order is kept within a key. Absent: any lane. */
  readonly key?: string;
  readonly value: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * A message as it arrived. `id` names its place on the bus (topic, lane, position), for messages that cannot name
 * themselves.
 */
export interface Delivery {
  readonly id: string;
  readonly topic: string;
  readonly key: string | undefined;
  /** Absent: a tombstone. */
  readonly value: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Messages of a partition that its group has not been given, and never will be: the topic does not have them any more.
 */
export interface Lost {
  readonly topic: string;
  readonly partition: number;
  /** At most; undefined where it cannot be known. */
  readonly messages: number | undefined;
  /**
   * `expired`: deleted before they were read. `made anew`: the group stands beyond the end of the topic, so it is
   * another one.
   */
  readonly why: 'expired' | 'made anew';
}

export interface SubscribeOptions {
  /** Instances of one group share the work; each group sees every message. */
  readonly group: string;
  readonly topics: readonly string[];
  /** Deliveries handed out and not yet handled; then the bus waits. */
  readonly maxInFlight: number;
  /**
   * Handles one delivery. Called at once for each, also while others of the same key are being handled: the caller
   * keeps order within a key. When the promise resolves the message is acknowledged; when it rejects it is not, and
   * comes again to whoever is next.
   */
  readonly handle: (delivery: Delivery) => Promise<void>;
  /**
   * Told once of each loss, by a bus that keeps positions on topics; the subscription goes on with the oldest message
   * that is there.
   */
  readonly onLost?: (lost: Lost) => void;
}

/** What lies after the position of a group. */
export interface Behind {
  readonly messages: number;
  /** For how long the position of a partition that has some has not moved, at most, in ms. */
  readonly standsStillMs: number;
}

export interface Subscription {
  /**
   * Milliseconds since this subscription last heard from the bus: an answer, whether or not there was anything for it,
   * or that nobody is there. What liveness is judged by: a broker that is away makes nobody stuck, and starting again
   * would not bring it back.
   */
  idleMs(): number;
  /**
   * Partitions with messages of which the group has acknowledged none, as of some seconds ago; absent where nothing
   * keeps positions.
   */
  readonly unread?: number;
  /** What the whole group has not acknowledged, as of some seconds ago; absent where nothing keeps positions. */
  readonly behind?: Behind;
  /** Takes no more, waits for what is in hand (bounded), acknowledges it, leaves the group. */
  close(): Promise<void>;
}

/** Where topics ended when it was asked. */
export interface End {
  /** Whether the group has acknowledged everything up to there. Rejects when the bus does not answer. */
  isReached(): Promise<boolean>;
}

/** How messages travel that must not be held up by others, or hold up others. */
export interface PublishOptions {
  /**
   * Messages of one lane share connections with each other alone; without a name, with all others that have none. For
   * what may go to a destination that does not answer: a broker answers nothing more on a connection on which it owes
   * an answer.
   */
  readonly lane?: string;
  /**
   * Aborted when nobody waits for the answer any more. The messages may still arrive; what is published from then on
   * goes by other connections.
   */
  readonly givenUp?: AbortSignal;
}

/** How long a broker may take to prove that it is there. */
export const PROOF_DEADLINE_MS = 3_000;

/** The broker cannot take this message, now or ever. */
export class Unpublishable extends Error {
  override readonly name = 'Unpublishable';
}

/**
 * A broker: at least once, ordered per key, acknowledged by position. Every adapter passes the same contract suite
 * (message-bus.contract.ts); what one of them cannot promise is said there.
 */
export abstract class MessageBus {
  /**
   * Publishes in the given order and resolves when every message is stored for good. Rejects when one is not: any of
   * them may or may not be on the bus then, so the caller publishes the batch again. Rejects with Unpublishable for a
   * message that will never do. A bus that gives each request a way of its own has no use for the options.
   */
  abstract publish(messages: readonly BusMessage[], options?: PublishOptions): Promise<void>;
  /**
   * Resolves when the broker has answered this very process; rejects, within seconds, when it does not. Costs one
   * request, by a connection that no message travels on: a destination that does not answer is not a broker that is
   * away.
   */
  abstract prove(): Promise<void>;
  /**
   * Where each message goes, as finely as the bus can fail in parts: its topic, and its partition or lane where that is
   * known. Asked for only when a batch was not taken. Never rejects.
   */
  async destinationsOf(messages: readonly BusMessage[]): Promise<readonly string[]> {
    return messages.map(({ topic }) => topic);
  }
  /** Does not wait for a broker that is away: the subscription joins when it can. */
  abstract subscribe(options: SubscribeOptions): Promise<Subscription>;
  /**
   * Asks where these topics end now, for one of the groups that read them. Rejects within seconds when the bus does not
   * answer, which is how one learns that it is away. A bus that keeps nothing beyond what is in hand has no end to
   * reach.
   */
  async end(_group: string, _topics: readonly string[]): Promise<End> {
    return { isReached: async () => true };
  }
  /**
   * The value of the newest message of a topic that has one partition; undefined where it holds none, and on a bus that
   * keeps nothing that is read. Rejects within seconds when the bus does not answer, or does not know the topic.
   */
  async newest(_topic: string): Promise<string | undefined> {
    return undefined;
  }
  /**
   * How many partitions each of these topics has, where it is known, on a bus that has partitions. Rejects within
   * seconds when the bus does not answer.
   */
  async partitionsOf(_topics: readonly string[]): Promise<ReadonlyMap<string, number>> {
    return new Map();
  }
  abstract close(): Promise<void>;
}
