/**
 * In what the buses differ behind their port: the contract suite holds each to it, and docs/brokers.md is made of it.
 */
export interface BusTraits {
  readonly title: string;
  /** The largest message value it takes, in bytes, as the launcher sets it up; undefined: no limit of its own. */
  readonly maxBytes: number | undefined;
  /** A group that comes for the first time gets what was published before it, also on a topic that had no groups. */
  readonly keepsForLateGroups: boolean;
  /** A message that was not handled comes again to the same reader; where not, when its reader has gone away. */
  readonly failedComesAgain: boolean;
  /** A topic that nobody has made is an error; where not, a message for it goes nowhere. */
  readonly refusesUnknownTopics: boolean;
  /** How many instances of a group work side by side. */
  readonly sideBySide: string;
  /** How long the keys of a killed instance wait for another. */
  readonly takeover: string;
  /** How long a message is kept, and what can be read again. */
  readonly retention: string;
  readonly deadLetters: string;
  /** What a client of it has to pay for. */
  readonly price: string;
}

export type BusName = 'kafka' | 'rabbitmq' | 'sqs' | 'memory';

export const busTraits: Readonly<Record<BusName, BusTraits>> = {
  kafka: {
    title: 'Kafka',
    maxBytes: 1_048_576,
    keepsForLateGroups: true,
    failedComesAgain: false,
    refusesUnknownTopics: true,
    sideBySide: 'up to the partitions of the topic (12)',
    takeover: 'the session timeout, 6 s',
    retention: 'by time or size, read or not: any group may read it again from any place',
    deadLetters: 'kept for ever',
    price: 'a cluster that somebody runs, paid by the hour',
  },
  rabbitmq: {
    title: 'RabbitMQ',
    maxBytes: 1_048_576,
    keepsForLateGroups: false,
    failedComesAgain: true,
    refusesUnknownTopics: true,
    sideBySide: 'up to the lanes of the group (4)',
    takeover: 'about 2 s',
    retention: 'until each group has acknowledged it; nothing can be read again',
    deadLetters: 'kept until purged',
    price: 'a cluster that somebody runs, paid by the hour; queues that nobody reads fill its disk',
  },
  sqs: {
    title: 'SQS',
    maxBytes: 1_048_576,
    keepsForLateGroups: false,
    failedComesAgain: true,
    refusesUnknownTopics: true,
    sideBySide: 'any number: each key is a message group',
    takeover: 'the visibility timeout, 10 s',
    retention: '14 days at most, then it is gone, read or not; nothing can be read again',
    deadLetters: 'kept 14 days',
    price:
      'nothing to run, paid by the request: each group that reads a topic is another send, and waiting for messages costs, too',
  },
  memory: {
    title: 'in memory',
    maxBytes: undefined,
    keepsForLateGroups: false,
    failedComesAgain: true,
    refusesUnknownTopics: false,
    sideBySide: 'instances in one process',
    takeover: 'none: the outbox has it until every group has handled it',
    retention: 'none',
    deadLetters: 'none are kept, only parked keys',
    price: 'nothing',
  },
};
