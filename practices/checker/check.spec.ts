import { describe, expect, it } from 'vitest';
import { check, invariants } from './check.ts';
import { outcomeOf } from './commands.ts';
import type { Invariant } from './evidence.ts';
import { soundEvidence, type Tampered } from './evidence.fixture.ts';
import { partitionOf } from './partitions.ts';

/** Takes out what matches, and it must be there. */
function without<T>(list: readonly T[], matches: (one: T) => boolean): T[] {
  expect(list.some(matches)).toBe(true);
  return list.filter((one) => !matches(one));
}
const changed = <T>(list: readonly T[], matches: (one: T) => boolean, change: Partial<T>): T[] => {
  expect(list.some(matches)).toBe(true);
  return list.map((one) => (matches(one) ? { ...one, ...change } : one));
};
const message = (id: string) => (one: Tampered['published'][number]) => one.event?.id === id;
const again = (evidence: Tampered, id: string, as: object) => {
  const first = evidence.published.find(message(id))!;
  evidence.published.push({ ...first, offset: 900, event: { ...first.event!, ...as } });
};
const poison = (evidence: Tampered) => {
  evidence.published.push({
    topic: 'payments.commands',
    partition: 1,
    offset: 7,
    key: 'bad',
    event: undefined,
    headers: {},
    at: 0,
  });
  evidence.poison.push('payments.commands:1:7');
};
const buried = (evidence: Tampered) =>
  evidence.published.push({
    topic: 'payments.commands.dead-letters',
    partition: 0,
    offset: 0,
    key: 'bad',
    event: undefined,
    headers: { 'dead-letter-from': 'payments.commands:1:7' },
    at: 0,
  });

type Seed = [invariant: Invariant, about: string, what: string, tamper: (evidence: Tampered) => unknown];
const seeds: Seed[] = [
  [
    'I1',
    'key key-of-paid',
    'which is not there',
    (e) => {
      e.events = without(e.events, ({ stream }) => stream === 'paid');
    },
  ],
  [
    'I1',
    'order extra',
    'was asked for by no key',
    (e) => {
      e.events.push({
        stream: 'extra',
        version: 1,
        id: 'extra',
        type: 'OrderPlaced',
        data: { customerId: 'customer', lines: [] },
      });
    },
  ],
  [
    'I1',
    'key key-of-declined',
    'asked for something else',
    (e) => {
      e.events = changed(e.events, ({ id }) => id === 'declined-orders.order-placed.v1', {
        data: {
          customerId: 'customer',
          lines: [{ productId: 'mug', quantity: 3 }],
          total: { amount: 2_400, currency: 'EUR' },
        },
      });
    },
  ],
  [
    'I1',
    'key key-of-paid',
    'was refused, and yet there is order',
    (e) => {
      e.journal = changed(e.journal, (one) => one.kind === 'place' && one.key === 'key-of-paid', {
        answers: [{ status: 422, code: 'unknown-product' }],
      });
    },
  ],
  [
    'I1',
    'order paid',
    'its cancellation was acknowledged',
    (e) => {
      e.journal.push({ kind: 'cancel', customer: 'customer', order: 'paid', answers: [{ status: 200 }] });
    },
  ],
  [
    'I2',
    'event orders.events paid #2',
    'nobody was told',
    (e) => {
      e.published = without(e.published, message('paid-orders.stock-reserved.v1'));
    },
  ],
  [
    'I2',
    'event catalog.stock paid #2',
    'nobody was told',
    (e) => {
      e.published = without(e.published, message('paid-catalog.stock-committed.v1'));
    },
  ],
  [
    'I2',
    'event payments.events declined #2',
    'never happened',
    (e) => again(e, 'declined-payments.payment-declined.v1', { id: 'invented', sequence: '2' }),
  ],
  [
    'I2',
    'event orders.events paid #4',
    'was told as 2 different messages',
    (e) => again(e, 'paid-orders.order-confirmed.v1', { id: 'other' }),
  ],
  [
    'I2',
    'event orders.events paid #4',
    'was told as orders.order-cancelled.v1',
    (e) => {
      const told = e.published.find(message('paid-orders.order-confirmed.v1'))!;
      e.published = changed(e.published, (one) => one === told, {
        event: { ...told.event!, type: 'orders.order-cancelled.v1' },
      });
    },
  ],
  [
    'I3',
    'event paid-catalog.stock-reserved.v1',
    'had its effect 2 times',
    (e) => again(e, 'paid-payments.authorise-payment.v1', { id: 'second' }),
  ],
  [
    'I3',
    'order paid',
    '2 times at the provider: capture',
    (e) => {
      e.ledger.push({ ...e.ledger.find(({ entry }) => entry === 'capture')! });
    },
  ],
  [
    'I3',
    'order paid',
    '2 messages to the customer',
    (e) => {
      e.messages.push({ eventId: 'other', order: 'paid', status: 'sent' });
    },
  ],
  [
    'I3',
    'order paid',
    'different mails',
    (e) => {
      e.mails.push({ id: 'another', order: 'paid' });
    },
  ],
  [
    'I4',
    'key paid',
    'inverted paid #1',
    (e) => {
      const first = e.published.findIndex(message('paid-orders.order-placed.v1'));
      e.published.push(...e.published.splice(first, 1));
    },
  ],
  [
    'I4',
    'key paid',
    'more than one partition',
    (e) => {
      e.published = changed(e.published, message('paid-orders.stock-reserved.v1'), { partition: 3 });
    },
  ],
  [
    'I4',
    'event paid-payments.payment-authorised.v1',
    'never reached orders.saga',
    (e) => {
      const { orders } = e.messaging;
      e.messaging = {
        ...e.messaging,
        orders: {
          ...orders,
          inbox: without(orders.inbox, ({ messageId }) => messageId === 'paid-payments.payment-authorised.v1'),
        },
      };
    },
  ],
  [
    'I4',
    'event declined-orders.stock-reserved.v1',
    'after a later one',
    (e) => {
      const { orders } = e.messaging;
      const inbox = changed(
        orders.inbox,
        ({ messageId, consumer }) => messageId === 'declined-orders.order-placed.v1' && consumer === 'orders.list',
        { at: Date.parse('2026-01-01T00:00:01Z') },
      );
      e.messaging = { ...e.messaging, orders: { ...orders, inbox } };
    },
  ],
  [
    'I5',
    'product mug',
    'is not the initial 10',
    (e) => {
      e.products = changed(e.products, () => true, { free: 9 });
    },
  ],
  [
    'I5',
    'product mug',
    'something is negative',
    (e) => {
      e.products = changed(e.products, () => true, { free: -1, sold: 11 });
    },
  ],
  [
    'I5',
    'product mug',
    'orders hold 0 and bought 2',
    (e) => {
      e.products = changed(e.products, () => true, { free: 6, sold: 4 });
    },
  ],
  [
    'I5',
    'order declined',
    'its stock is reserved instead of released',
    (e) => {
      e.reservations = changed(e.reservations, ({ order }) => order === 'declined', { status: 'reserved' });
    },
  ],
  [
    'I5',
    'order paid',
    '4800 EUR were taken',
    (e) => {
      e.ledger = changed(e.ledger, ({ entry }) => entry === 'capture', { amount: 4_800 });
    },
  ],
  [
    'I5',
    'order paid',
    'its money is authorised',
    (e) => {
      e.payments = changed(e.payments, ({ order }) => order === 'paid', { status: 'authorised' });
    },
  ],
  [
    'I5',
    'order declined',
    'money is still held',
    (e) => {
      e.ledger.push({ entry: 'authorisation', reference: 'declined', amount: 2_400, currency: 'EUR' });
    },
  ],
  [
    'I6',
    'order paid',
    'is still reserved',
    (e) => {
      e.events = without(e.events, ({ stream, version }) => stream === 'paid' && version > 2);
    },
  ],
  [
    'I6',
    'order paid',
    'a step of it is still awaited',
    (e) => {
      e.awaited.push('paid');
    },
  ],
  [
    'I6',
    'order paid',
    'is still not known',
    (e) => {
      e.open.push('paid');
    },
  ],
  [
    'I6',
    'order declined',
    "its customer's message is queued",
    (e) => {
      e.messages = changed(e.messages, ({ order }) => order === 'declined', { status: 'queued' });
    },
  ],
  [
    'I6',
    'order declined',
    'never came',
    (e) => {
      e.mails = without(e.mails, ({ order }) => order === 'declined');
    },
  ],
  [
    'I6',
    'key paid',
    'still waits to be published',
    (e) => {
      e.messaging = {
        ...e.messaging,
        catalog: { ...e.messaging.catalog, outbox: [{ topic: 'catalog.stock', key: 'paid' }] },
      };
    },
  ],
  [
    'I7',
    'order paid',
    'status is reserved, not confirmed',
    (e) => {
      e.list = changed(e.list, ({ id }) => id === 'paid', { status: 'reserved' });
    },
  ],
  [
    'I7',
    'order paid',
    'in the list: is not there',
    (e) => {
      e.list = without(e.list, ({ id }) => id === 'paid');
    },
  ],
  [
    'I7',
    'product mug',
    'price is 1000, not 1200',
    (e) => {
      e.priced = changed(e.priced, () => true, { price: 1_000 });
    },
  ],
  [
    'I8',
    'event paid-catalog.reserve-stock.v1',
    '60000 ms are allowed',
    (e) => {
      const { catalog } = e.messaging;
      e.messaging = {
        ...e.messaging,
        catalog: {
          ...catalog,
          inbox: changed(catalog.inbox, ({ messageId }) => messageId === 'paid-catalog.reserve-stock.v1', {
            at: Date.parse('2026-01-01T00:02:00Z'),
          }),
        },
      };
    },
  ],
  [
    'I9',
    'key key-of-paid',
    'is still unknown after 2 attempts',
    (e) => {
      e.journal = changed(e.journal, (one) => one.kind === 'place' && one.key === 'key-of-paid', {
        answers: [{}, { status: 503 }],
      });
    },
  ],
  [
    'I9',
    'key key-of-paid',
    'led to different orders: paid, other',
    (e) => {
      e.journal = changed(e.journal, (one) => one.kind === 'place' && one.key === 'key-of-paid', {
        answers: [
          { status: 201, order: 'paid' },
          { status: 201, order: 'other' },
        ],
      });
    },
  ],
  [
    'I9',
    'key key-of-paid',
    'both done and refused',
    (e) => {
      e.journal = changed(e.journal, (one) => one.kind === 'place' && one.key === 'key-of-paid', {
        answers: [
          { status: 201, order: 'paid' },
          { status: 422, code: 'unknown-product' },
        ],
      });
    },
  ],
  ['I10', 'event payments.commands:1:7', 'is in no dead letter of payments.commands', poison],
  ['I10', 'event payments.commands:1:7', 'nothing was wrong with it', buried],
  [
    'I10',
    'key paid',
    'without poison of its own',
    (e) => {
      e.messaging = {
        ...e.messaging,
        orders: {
          ...e.messaging.orders,
          parked: [{ consumer: 'orders.saga', key: 'paid', kind: 'poison', reason: 'not JSON' }],
        },
      };
    },
  ],
  [
    'I10',
    'key paid',
    'the broker refused its message',
    (e) => {
      e.messaging = {
        ...e.messaging,
        orders: { ...e.messaging.orders, rejected: [{ topic: 'orders.events', key: 'paid', reason: 'too large' }] },
      };
    },
  ],
  [
    'I11',
    'consumer orders.saga',
    'is 3 messages behind',
    (e) => {
      e.lag = { 'orders.saga': 3 };
    },
  ],
  [
    'I11',
    'memory',
    'grew from 1000 to 1400 MiB',
    (e) => {
      e.gauges = { ...e.gauges!, after: { memoryMiB: 1_400, sockets: 100 } };
    },
  ],
  [
    'I11',
    'sockets',
    'grew from 100 to 150',
    (e) => {
      e.gauges = { ...e.gauges!, after: { memoryMiB: 1_000, sockets: 150 } };
    },
  ],
];

describe('a message that was taken away on purpose', () => {
  it('is missed by nobody; one that was not is', () => {
    const e = soundEvidence();
    e.published = without(e.published, message('paid-catalog.stock-committed.v1'));
    e.lost = ['catalog.stock paid #2'];
    expect(check(e)).toEqual([]);
    e.lost = ['catalog.stock paid #1'];
    expect(check(e)).not.toEqual([]);
  });
});

describe('a message that was deleted from its topic on purpose', () => {
  const gone = 'paid-orders.order-confirmed.v1';
  const deleted = () => {
    const e = soundEvidence();
    e.deleted = e.published.filter(({ topic }) => topic === 'orders.events');
    e.published = without(e.published, ({ topic }) => topic === 'orders.events');
    return e;
  };

  it('was told all the same, and is not told twice by who sends it again', () => {
    const e = deleted();
    expect(check(e)).toEqual([]);
    e.published.push({ ...e.deleted.find(message(gone))!, offset: 900 });
    expect(check(e)).toEqual([]);
  });

  it('has to reach each of its readers', () => {
    const e = deleted();
    e.messaging = {
      ...e.messaging,
      notifications: {
        ...e.messaging.notifications,
        inbox: without(e.messaging.notifications.inbox, ({ messageId }) => messageId === gone),
      },
    };
    expect(check(e)).toEqual([
      {
        invariant: 'I4',
        about: `event ${gone}`,
        what: 'orders.order-confirmed.v1 of paid never reached notifications.mail',
      },
    ]);
  });
});

describe('a topic that was given more partitions', () => {
  const [few, many] = [12, 17];
  const place = partitionOf('paid', few);
  /** The order lies where it belongs, and from one of its messages on where it belongs now. */
  const moved = (from = 3, to = partitionOf('paid', many)) => {
    const e = soundEvidence();
    e.counts = { 'orders.events': [few, many] };
    e.published = e.published.map((one) =>
      one.topic === 'orders.events' && one.key === 'paid'
        ? { ...one, partition: Number(one.event?.sequence) < from ? place : to }
        : one.topic === 'orders.events'
          ? { ...one, partition: partitionOf(one.key ?? '', few) }
          : one,
    );
    return e;
  };

  it('has moved the key of this spec', () => expect(partitionOf('paid', many)).not.toBe(place));

  it('may have a key in both of its places, one after the other, whichever number they have', () => {
    for (const direction of [1, -1]) {
      const e = moved();
      e.published = e.published.toSorted((a, b) => direction * (a.partition - b.partition));
      expect(check(e)).toEqual([]);
    }
  });

  it('has no key anywhere else', () => {
    const elsewhere = Array.from({ length: many }, (_, n) => n).find(
      (n) => n !== place && n !== partitionOf('paid', many),
    );
    expect(check(moved(3, elsewhere))).toContainEqual({
      invariant: 'I4',
      about: 'key paid',
      what: 'lies in more than one partition of orders.events',
    });
  });

  it('has no message of a key in its new place before an earlier one in its old one', () => {
    const e = moved();
    e.published = changed(e.published, message('paid-orders.order-placed.v1'), { at: Number.MAX_SAFE_INTEGER });
    e.published = changed(e.published, message('paid-orders.stock-reserved.v1'), { at: Number.MAX_SAFE_INTEGER });
    expect(check(e)).toContainEqual({
      invariant: 'I4',
      about: 'key paid',
      what: expect.stringContaining('inverted'),
    });
  });

  it('is read in the order in which it was written', () => {
    const e = moved();
    e.messaging = {
      ...e.messaging,
      orders: {
        ...e.messaging.orders,
        inbox: changed(
          e.messaging.orders.inbox,
          ({ consumer, messageId }) => consumer === 'orders.list' && messageId === 'paid-orders.stock-reserved.v1',
          { at: Date.parse('2026-01-01T00:00:30Z') },
        ),
      },
    };
    expect(check(e).map(({ what }) => what)).toContainEqual(
      expect.stringContaining('reached orders.list after a later one'),
    );
  });
});

describe('the checker', () => {
  it('finds nothing wrong with a shop in which nothing is', () => expect(check(soundEvidence())).toEqual([]));

  it.each(seeds)('%s: says of %s that it %s', (invariant, about, what, tamper) => {
    const evidence = soundEvidence();
    tamper(evidence);
    expect(check(evidence)).toContainEqual({ invariant, about, what: expect.stringContaining(what) });
  });

  it('has seen every invariant broken', () =>
    expect(new Set(seeds.map(([invariant]) => invariant))).toEqual(new Set(Object.keys(invariants))));

  it('takes a message that was published twice for one', () => {
    const evidence = soundEvidence();
    again(evidence, 'paid-orders.order-confirmed.v1', {});
    expect(check(evidence)).toEqual([]);
  });

  it('takes a mail that was sent twice for one', () => {
    const evidence = soundEvidence();
    evidence.mails.push({ ...evidence.mails[0]! });
    expect(check(evidence)).toEqual([]);
  });

  it('finds nothing wrong with poison that its reader put away', () => {
    const evidence = soundEvidence();
    poison(evidence);
    buried(evidence);
    expect(check(evidence)).toEqual([]);
  });

  it('excuses a saga that waits visibly', () => {
    const evidence = soundEvidence();
    evidence.events = without(evidence.events, ({ stream, version }) => stream === 'paid' && version > 2);
    evidence.messaging = {
      ...evidence.messaging,
      orders: {
        ...evidence.messaging.orders,
        parked: [{ consumer: 'orders.saga', key: 'paid', kind: 'transient', reason: 'later' }],
      },
    };
    expect(check(evidence).filter(({ invariant }) => invariant === 'I6')).toEqual([]);
  });
});

describe('what a client knows', () => {
  it.each([
    ['nothing after a broken connection', [{}], 'unknown'],
    ['nothing from 503', [{ status: 503 }], 'unknown'],
    ['nothing from "still under way"', [{ status: 409, code: 'request-in-progress' }], 'unknown'],
    ['that it was done, from the first 2xx', [{ status: 504 }, { status: 201, order: 'a' }], 'ok'],
    ['that it was refused, from any other 4xx', [{ status: 422, code: 'unknown-product' }], 'failed'],
  ] as const)('is %s', (_what, answers, outcome) => expect(outcomeOf({ answers: [...answers] })).toBe(outcome));
});
