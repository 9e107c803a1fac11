import { cloudEventContentType, type CloudEvent } from '../cloud-event.ts';
import { messages, type MessageContract } from '../message.ts';
import {
  consumers,
  deadLetterConfig,
  deadLetterPartitions,
  deadLetterTopic,
  topicConfig,
  topics,
  type TopicContract,
} from '../topics.ts';
import { messageSchema, type JsonSchema } from './message-schema.ts';

/** Everything that is said between services: what the documents are made from. */
export interface Language {
  readonly topics: Readonly<Record<string, TopicContract>>;
  readonly consumers: Readonly<Record<string, readonly string[]>>;
  readonly messages: readonly MessageContract[];
}

interface Reference {
  readonly $ref: string;
}

interface Channel {
  readonly address: string;
  readonly description: string;
  readonly messages: Readonly<Record<string, Reference>>;
  readonly bindings: {
    readonly kafka: {
      readonly partitions: number;
      readonly topicConfiguration: object;
      readonly bindingVersion: string;
    };
  };
  /** Which field of the data is the key; absent where nothing is promised about keys. */
  readonly 'x-key'?: string;
}

/** As much of an AsyncAPI 3.0 document as is written here. */
export interface AsyncApi {
  readonly asyncapi: '3.0.0';
  readonly info: object;
  readonly servers: object;
  readonly defaultContentType: string;
  readonly channels: Readonly<Record<string, Channel>>;
  readonly operations: Readonly<Record<string, object>>;
  readonly components: {
    readonly messages: Readonly<Record<string, object>>;
    readonly schemas: Readonly<Record<string, JsonSchema>>;
    readonly messageTraits: object;
    readonly operationTraits: object;
  };
}

/** What is declared in this library, sorted, so that the documents do not depend on the order of imports. */
export const language = (): Language => ({
  topics,
  consumers,
  messages: [...messages.values()].sort((a, b) => (a.type < b.type ? -1 : 1)),
});

const bindingVersion = '0.5.0';
const ref = (...path: string[]): Reference => ({ $ref: `#/${path.join('/')}` });

/**
 * The AsyncAPI 3.0 document of a language: topics as channels, and for each service what it sends and what its
 * consumers receive.
 */
export function asyncApi(spoken: Language, examples: ReadonlyMap<string, CloudEvent> = new Map()): AsyncApi {
  const groups = Object.keys(spoken.consumers);
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Shop messages',
      version: '1.0.0',
      description:
        'What services tell and ask each other. Every value is a CloudEvent 1.0 in structured mode; its key is its subject, within which order is kept. ' +
        'A message may arrive more than once: `id` tells. Readers pass over fields and types they do not know.',
      license: { name: 'MIT' },
    },
    servers: { local: { host: '127.0.0.1:19092', protocol: 'kafka', description: 'What `npm start` brings up.' } },
    defaultContentType: cloudEventContentType,
    channels: {
      ...Object.fromEntries(
        Object.entries(spoken.topics).map(([name, topic]) => [name, channelOf(name, topic, spoken)]),
      ),
      ...Object.fromEntries(groups.map((group) => [deadLetterTopic(group), deadLetters(group)])),
    },
    operations: { ...sendings(spoken), ...receptions(spoken) },
    components: {
      messages: {
        ...Object.fromEntries(
          spoken.messages.map((contract) => [contract.type, messageOf(contract, spoken, examples.get(contract.type))]),
        ),
        deadLetter,
      },
      schemas: Object.fromEntries(spoken.messages.map((contract) => [contract.type, messageSchema(contract)])),
      messageTraits: { cloudEvent: cloudEventTrait },
      operationTraits,
    },
  };
}

const ofTopic = ({ messages }: Language, topic: string) => messages.filter((message) => message.topic === topic);

function channelOf(address: string, topic: TopicContract, spoken: Language): Channel {
  const { partitions, key, keeps } = topic;
  return {
    address,
    description: `Keyed by ${key}. ${keeps === 'state' ? 'Compacted: the last message of each key is kept for ever.' : 'Every message is kept for some days.'}`,
    messages: Object.fromEntries(
      ofTopic(spoken, address).map(({ type }) => [type, ref('components', 'messages', type)]),
    ),
    bindings: { kafka: { partitions, topicConfiguration: configuration(topicConfig(topic)), bindingVersion } },
    'x-key': key,
  };
}

/** As the binding has it: the policies are a list. */
const configuration = ({ 'cleanup.policy': policy, ...rest }: Readonly<Record<string, string | number>>): object => ({
  'cleanup.policy': [policy],
  ...rest,
});

function deadLetters(group: string): Channel {
  return {
    address: deadLetterTopic(group),
    description: `What ${group} could not handle and never will, kept for ever. \`npm run events -- dead-letters\` shows and replays it.`,
    messages: { deadLetter: ref('components', 'messages', 'deadLetter') },
    bindings: {
      kafka: { partitions: deadLetterPartitions, topicConfiguration: configuration(deadLetterConfig), bindingVersion },
    },
  };
}

function messageOf(
  { type, kind, summary, topic }: MessageContract,
  { topics }: Language,
  example: CloudEvent | undefined,
): object {
  return {
    name: type,
    title: type,
    summary,
    tags: [{ name: kind }],
    traits: [ref('components', 'messageTraits', 'cloudEvent')],
    payload: ref('components', 'schemas', type),
    bindings: {
      kafka: {
        key: { type: 'string', description: `\`${topics[topic]?.key}\` of the data; also the subject.` },
        bindingVersion,
      },
    },
    ...(example && {
      examples: [{ name: 'recorded', summary: 'As it was recorded from a running shop.', payload: example }],
    }),
  };
}

const cloudEventTrait = {
  contentType: cloudEventContentType,
  headers: { type: 'object', properties: { 'content-type': { type: 'string' } } },
  externalDocs: {
    description: 'CloudEvents 1.0, Kafka binding, structured mode',
    url: 'https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md',
  },
};

const deadLetter = {
  name: 'deadLetter',
  title: 'A message that could not be handled',
  summary: 'The message as it arrived, key and value, with the reason in its headers.',
  headers: {
    type: 'object',
    required: ['dead-letter-reason', 'dead-letter-topic', 'dead-letter-from', 'dead-letter-at'],
    properties: {
      'dead-letter-reason': { type: 'string', description: 'Why it can never be handled.' },
      'dead-letter-topic': { type: 'string', description: 'The topic it came from, to which a replay sends it again.' },
      'dead-letter-from': { type: 'string', description: 'Where it lay: topic:partition:offset.' },
      'dead-letter-at': { type: 'string', format: 'date-time' },
    },
  },
  // The value may be anything: that is why it is here.
  payload: {},
};

const operationTraits = {
  outbox: {
    description:
      'Left in the outbox in the transaction of what it tells; published at least once, in order within a key.',
  },
  note: { description: 'Said straight to the bus: the next one makes up for one that is lost.' },
  inbox: {
    description:
      'Handled once however often it arrives, in order within a key; what can never be handled goes to the dead letters of the consumer.',
  },
};

/** One operation for each service and topic it writes to. */
function sendings({ topics, messages }: Language): Record<string, object> {
  const senders = [...new Set(messages.map(({ source }) => source))].sort();
  return Object.fromEntries(
    senders.flatMap((source) =>
      Object.keys(topics).flatMap((topic) => {
        const [service, said] = [
          source.slice(1),
          messages.filter((one) => one.source === source && one.topic === topic),
        ];
        return said.length === 0
          ? []
          : [[`${service}.sends.${topic}`, operation('send', topic, said, { summary: `${service} writes ${topic}.` })]];
      }),
    ),
  );
}

/** One operation for each consumer and topic it reads. */
function receptions(spoken: Language): Record<string, object> {
  return Object.fromEntries(
    Object.entries(spoken.consumers).flatMap(([group, read]) =>
      read.map((topic) => {
        const more = {
          summary: `${group} reads ${topic}.`,
          bindings: { kafka: { groupId: { type: 'string', const: group }, bindingVersion } },
        };
        return [`${group}.receives.${topic}`, operation('receive', topic, ofTopic(spoken, topic), more)];
      }),
    ),
  );
}

function operation(action: 'send' | 'receive', topic: string, said: readonly MessageContract[], more: object): object {
  return {
    action,
    channel: ref('channels', topic),
    ...more,
    traits: [
      ref(
        'components',
        'operationTraits',
        action === 'receive' ? 'inbox' : said.every(({ kind }) => kind === 'note') ? 'note' : 'outbox',
      ),
    ],
    messages: said.map(({ type }) => ref('channels', topic, 'messages', type)),
  };
}
