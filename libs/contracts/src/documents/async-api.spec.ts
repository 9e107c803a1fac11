import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { golden } from '../golden.fixture.ts';
import { cloudEvent, consumers, language, messageSchema, messages, topics, topology } from '../index.ts';

type JsonSchema = Parameters<typeof z.fromJSONSchema>[0];
interface Operation {
  action: string;
  channel: { $ref: string };
  messages: { $ref: string }[];
}
interface Message {
  payload: { $ref: string };
  examples?: { payload: unknown }[];
}
interface Document {
  asyncapi: string;
  info: { title: string; version: string };
  channels: Record<
    string,
    { address: string; messages: Record<string, { $ref: string }>; bindings: { kafka: { partitions: number } } }
  >;
  operations: Record<string, Operation>;
  components: { messages: Record<string, Message>; schemas: Record<string, JsonSchema> };
}

/** As it is committed, which is what others read. */
const document = JSON.parse(
  readFileSync(new URL('../../generated/asyncapi.json', import.meta.url), 'utf8'),
) as Document;

/** What a reference leads to, by RFC 6901; undefined when it leads nowhere. */
function follow($ref: string): unknown {
  const steps = $ref
    .slice(2)
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  return steps.reduce<unknown>((at, step) => (at as Record<string, unknown> | undefined)?.[step], document);
}

describe('the AsyncAPI document', () => {
  it('is of version 3.0 with the parts that it requires', () => {
    expect(document).toMatchObject({
      asyncapi: '3.0.0',
      info: { title: expect.any(String), version: expect.any(String) },
    });
    for (const operation of Object.values(document.operations)) expect(['send', 'receive']).toContain(operation.action);
    for (const name of Object.keys(document.components.messages)) expect(name).toMatch(/^[\w.-]+$/);
  });

  it('refers to nothing that it lacks', () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1] ?? '');
    expect(references.length).toBeGreaterThan(100);
    expect(references.filter((reference) => follow(reference) === undefined)).toEqual([]);
  });

  it('has every topic with its partitions and types, and the dead letters of every consumer', () => {
    for (const [topic, { partitions }] of Object.entries(topics)) {
      const types = [...messages.values()].filter((message) => message.topic === topic).map((message) => message.type);
      expect(document.channels[topic]).toMatchObject({ address: topic, bindings: { kafka: { partitions } } });
      expect(Object.keys(document.channels[topic]?.messages ?? {}).sort()).toEqual(types.sort());
    }
    expect(Object.keys(document.channels)).toHaveLength(Object.keys(topics).length + Object.keys(consumers).length);
  });

  it('has an operation for each consumer and topic, whose messages are of its channel', () => {
    const received = Object.entries(document.operations).filter(([, { action }]) => action === 'receive');
    const expected = Object.entries(consumers).flatMap(([group, read]) =>
      read.map((topic) => `${group}.receives.${topic}`),
    );
    expect(received.map(([name]) => name).sort()).toEqual(expected.sort());
    for (const { channel, messages: said } of Object.values(document.operations)) {
      expect(said.length).toBeGreaterThan(0);
      for (const { $ref } of said) expect($ref.startsWith(`${channel.$ref}/messages/`)).toBe(true);
    }
  });

  it('says who sends each type, and nobody else does', () => {
    for (const { type, topic, source } of messages.values()) {
      const said = `#/channels/${topic}/messages/${type}`;
      const senders = Object.entries(document.operations).filter(
        ([, one]) => one.action === 'send' && one.messages.some(({ $ref }) => $ref === said),
      );
      expect(senders.map(([name]) => name)).toEqual([`${source.slice(1)}.sends.${topic}`]);
    }
  });

  it('has an example of every type, and each is valid by the schema beside it and by no other type', () => {
    for (const { type } of messages.values()) {
      const { examples = [], payload } = document.components.messages[type] as Message;
      expect(examples.length, type).toBeGreaterThan(0);
      const schema = z.fromJSONSchema(follow(payload.$ref) as JsonSchema);
      for (const example of examples) expect(schema.safeParse(example.payload).success, type).toBe(true);
      const another = Object.keys(document.components.schemas).find((name) => name !== type) as string;
      expect(
        z.fromJSONSchema(document.components.schemas[another] as JsonSchema).safeParse(examples[0]?.payload).success,
      ).toBe(false);
    }
  });
});

describe('the JSON Schema of a message', () => {
  it.each(golden())('agrees with zod about $file and what is made wrong in it', ({ message }) => {
    const contract = messages.get(message.type);
    if (!contract) throw new Error(message.type);
    const schema = z.fromJSONSchema(messageSchema(contract) as JsonSchema);
    const zod = cloudEvent.extend({ data: contract.data });
    const broken = { ...message.data, [topics[contract.topic].key]: 7 };
    const wrong = [
      {},
      { ...message, data: {} },
      { ...message, specversion: '2.0' },
      { ...message, data: broken },
      { ...message, subject: '' },
    ];
    const right = [message, { ...message, unknown: 1 }, { ...message, data: { ...message.data, unknown: 1 } }];
    const verdicts = (value: unknown) => [zod.safeParse(value).success, schema.safeParse(value).success];
    for (const value of right) expect(verdicts(value)).toEqual([true, true]);
    for (const value of wrong) expect(verdicts(value)).toEqual([false, false]);
  });
});

describe('the key of a topic', () => {
  it.each([...messages.values()])('is a field of $type', ({ topic, data }) =>
    expect(Object.keys(data.shape)).toContain(topics[topic].key),
  );

  it.each(golden())('is the subject of $file', ({ message }) => {
    const topic = messages.get(message.type)?.topic;
    expect(message.data[topic ? topics[topic].key : '']).toBe(message.subject);
  });
});

describe('the topology', () => {
  it('draws who writes and who reads, with a node of its own for each', () => {
    const drawn = topology(language());
    expect(drawn).toContain('service_orders --> topic_catalogcommands');
    expect(drawn).toContain('topic_catalogcommands --> group_catalogstock');
    const nodes = [...drawn.matchAll(/^ {2}(\w+)[[{(]/gm)].map((match) => match[1]);
    expect(new Set(nodes).size).toBe(nodes.length);
  });
});
