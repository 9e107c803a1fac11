import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  asyncApi,
  breakingChanges,
  cancellationReason,
  language,
  orderCancelled,
  orderLine,
  orderPlaced,
} from '../index.ts';
import type { Language, MessageContract } from '../index.ts';

const spoken = language();
/** The language with one type declared otherwise. */
const saying = (type: string, change: Partial<Record<keyof MessageContract, unknown>>): Language => ({
  ...spoken,
  messages: spoken.messages.map((message) =>
    message.type === type ? ({ ...message, ...change } as MessageContract) : message,
  ),
});
const also = (message: MessageContract): Language => ({ ...spoken, messages: [...spoken.messages, message] });
const placed = (data: z.ZodObject) => saying(orderPlaced.type, { data });
const topics = (change: object): Language => ({ ...spoken, topics: { ...spoken.topics, ...change } });
const changes = (after: Language, before = spoken) => breakingChanges(asyncApi(before), asyncApi(after));
const { data } = orderPlaced;

describe('a change that breaks those who read now', () => {
  const seeds: [what: string, after: Language, sentence: string][] = [
    [
      'a field that is gone',
      placed(data.omit({ currency: true })),
      'orders.order-placed.v1 /data/currency is gone: readers that run already ask for it.',
    ],
    [
      'a field with another name',
      placed(data.omit({ currency: true }).extend({ money: data.shape.currency.optional() })),
      'orders.order-placed.v1 /data/currency is gone (renamed to "money"?): readers that run already ask for it.',
    ],
    [
      'a field of another type',
      placed(data.extend({ total: z.string() })),
      'orders.order-placed.v1 /data/total is of type "string" instead of "integer".',
    ],
    [
      'a narrower range',
      placed(data.extend({ total: data.shape.total.max(10) })),
      'orders.order-placed.v1 /data/total has maximum 10 instead of 100000000000: messages sent before would be refused.',
    ],
    [
      'a wider range',
      placed(data.extend({ total: z.int().min(-5).max(1_000_000_000_00) })),
      'orders.order-placed.v1 /data/total has minimum -5 instead of 0: readers that run already would refuse what is new.',
    ],
    [
      'a word that is no longer allowed',
      saying(orderCancelled.type, {
        data: orderCancelled.data.extend({ reason: cancellationReason.exclude(['timed-out']) }),
      }),
      'orders.order-cancelled.v1 /data/reason no longer allows "timed-out": messages sent before would be refused.',
    ],
    [
      'a word that readers do not know',
      saying(orderCancelled.type, {
        data: orderCancelled.data.extend({ reason: z.enum([...cancellationReason.options, 'fraud']) }),
      }),
      'orders.order-cancelled.v1 /data/reason also allows "fraud": readers that run already would refuse what is new.',
    ],
    [
      'another form of text',
      placed(data.extend({ currency: z.string() })),
      'orders.order-placed.v1 /data/currency has pattern none instead of "^[A-Z]{3}$".',
    ],
    [
      'a new field that is required',
      placed(data.extend({ channel: z.string() })),
      'orders.order-placed.v1 /data/channel is required now: messages sent before do not have it.',
    ],
    [
      'a field that may be absent now',
      placed(data.partial({ total: true })),
      'orders.order-placed.v1 /data/total may be absent now: readers that run already require it.',
    ],
    [
      'a change deep inside',
      placed(data.extend({ lines: z.array(orderLine.omit({ unitPrice: true })).min(1) })),
      'orders.order-placed.v1 /data/lines/*/unitPrice is gone: readers that run already ask for it.',
    ],
    [
      'a type that is gone',
      { ...spoken, messages: spoken.messages.filter((message) => message !== orderPlaced) },
      'orders.order-placed.v1 is gone: readers that run already wait for it, and what was sent before could not be read.',
    ],
    [
      'a type that travels elsewhere',
      saying(orderPlaced.type, { topic: 'catalog.stock' }),
      'orders.order-placed.v1 travels on catalog.stock instead of orders.events: its readers do not look there.',
    ],
    [
      'a type that somebody else sends',
      saying(orderPlaced.type, { source: '/shop' }),
      'orders.order-placed.v1 /source has const "/shop" instead of "/orders".',
    ],
    [
      'another number of partitions',
      topics({ 'orders.events': { partitions: 24, key: 'orderId', keeps: 'events' } }),
      'Topic orders.events has 24 partitions instead of 12: keys would move to others, and lose their order, unless the running topic was changed first (npm run events -- topics partitions).',
    ],
    [
      'a state that is kept like events',
      topics({ 'catalog.products': { partitions: 12, key: 'productId', keeps: 'events' } }),
      'Topic catalog.products is not compacted any more: copies could not be made from it.',
    ],
    [
      'another key',
      topics({ 'orders.events': { partitions: 12, key: 'customerId', keeps: 'events' } }),
      'Topic orders.events has the key customerId instead of orderId: what was in order no longer is.',
    ],
  ];

  it.each(seeds)('%s is refused, by type and pointer', (_, after, sentence) =>
    expect(changes(after)).toEqual([sentence]),
  );

  it('a topic that is gone is refused, with what it carried', () => {
    const { 'orders.events': _, ...left } = spoken.topics;
    const after = {
      ...spoken,
      topics: left,
      messages: spoken.messages.filter((message) => message.topic !== 'orders.events'),
    };
    expect(changes(after)).toContain(
      'Topic orders.events is gone: what is on it, or still sent to it, would be read by nobody (7 types).',
    );
    expect(changes(after)).toHaveLength(8);
  });
});

describe('an addition', () => {
  const additions: [string, Language][] = [
    ['an optional field', placed(data.extend({ note: z.string().optional() }))],
    [
      'an optional field deep inside',
      placed(data.extend({ lines: z.array(orderLine.extend({ gift: z.boolean().optional() })).min(1) })),
    ],
    ['another description', saying(orderPlaced.type, { summary: 'Said better.' })],
    ['a type', also({ ...orderPlaced, type: 'orders.order-returned.v1' })],
    [
      'the next major version',
      also({ ...orderPlaced, type: 'orders.order-placed.v2', data: z.object({ orderId: z.uuid() }) }),
    ],
    ['a topic', topics({ 'shipping.events': { partitions: 12, key: 'orderId', keeps: 'events' } })],
    ['a consumer', { ...spoken, consumers: { ...spoken.consumers, 'shipping.parcels': ['orders.events'] } }],
  ];

  it.each(additions)('of %s passes, and is in the document', (_, after) => {
    expect(changes(after)).toEqual([]);
    expect(asyncApi(after)).not.toEqual(asyncApi(spoken));
  });

  it('may go again when it is a consumer: its dead letters go with it', () => {
    const { 'orders.list': _, ...left } = spoken.consumers;
    expect(changes({ ...spoken, consumers: left })).toEqual([]);
  });
});
