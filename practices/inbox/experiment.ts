import { orderConfirmed } from '@shop/contracts';
import { event, seal } from '@shop/eventing';
import { findingsOf, type Fact } from '../checker/findings.ts';
import { isReadToTheEnd } from '../checker/topic-reader.ts';
import type { Experiment, Load } from '../lab/experiment.ts';
import { keysFrom, numbersFrom, popular, spread } from '../lab/seed.ts';
import { tables } from './consumers.ts';

interface InboxLoad extends Load {
  readonly messages: number;
  readonly customers: number;
  readonly kills: number;
}

interface Message extends Fact {
  readonly id: string;
  readonly value: string;
}

const { topic } = orderConfirmed;
const POINTS = 10;
/** A member of a group that was killed is missed only after its session's end; then its partitions go to the next. */
const DRAINED_WITHIN_MS = 120_000;

/** The consumer's process is killed between its effect and the acknowledgement; how often does the effect happen? */
export const experiment: Experiment<InboxLoad> = {
  title: 'Inbox',
  harm: 'effects that happened twice',
  variants: [
    { name: 'no inbox', practice: false, what: 'effect, then acknowledge' },
    { name: 'inbox', practice: true, what: 'the message noted in the transaction of its effect' },
  ],
  load: {
    full: { seed: 20, messages: 3_000, customers: 100, kills: 4 },
    quick: { seed: 20, messages: 200, customers: 20, kills: 1 },
  },
  tables,
  topics: [topic],

  async round(bench, { name }, load) {
    const messages = plan(load);
    bench.arm(
      ...spread(numbersFrom(load.seed), load.kills, load.messages).map((number) => `handled-${messages[number]?.id}`),
    );
    await bench.bus().publish(messages.map(({ key, value }) => ({ topic, key, value })));
    const service = await bench.start(import.meta.resolve('./service.ts'), name);
    const drained = await isReadToTheEnd(
      bench.admin,
      bench.named('orders.list'),
      bench.named(topic),
      DRAINED_WITHIN_MS,
    );

    const effects = await bench.query<{ key: string; sequence: number }>(
      'SELECT key, sequence FROM credits ORDER BY n',
    );
    const [points] = await bench.query<{ given: number }>('SELECT sum(balance)::int AS given FROM points');
    const found = findingsOf(messages, effects);
    return {
      harm: found.doubled,
      figures: {
        messages: messages.length,
        kills: service.kills,
        effects: effects.length,
        doubled: found.doubled,
        lost: found.lost,
        inverted: found.inverted,
        'points due': messages.length * POINTS,
        'points given': points?.given ?? 0,
      },
      cases: found.cases,
      doubts: [
        ...bench.doubts(service),
        ...(drained ? [] : [`the topic was not read to its end within ${DRAINED_WITHIN_MS / 1000} s`]),
        ...(found.lost === 0 ? [] : [`${found.lost} messages had no effect at all`]),
        ...(found.invented === 0 ? [] : [`${found.invented} effects of messages that were never sent`]),
      ],
    };
  },
};

/**
 * Orders of popular and less popular customers. Ids follow from the seed too, so that the kills land at the same
 * messages.
 */
function plan({ seed, messages, customers }: InboxLoad): Message[] {
  const next = numbersFrom(seed);
  const customer = popular(next, keysFrom(next, customers));
  const sequences = new Map<string, number>();
  return keysFrom(next, messages).map((id) => {
    const key = customer();
    const sequence = (sequences.get(key) ?? 0) + 1;
    sequences.set(key, sequence);
    const { payload } = seal(
      event(orderConfirmed, { key, sequence, data: { orderId: id, customerId: key, total: POINTS, currency: 'EUR' } }),
      undefined,
      id,
    );
    return { id, key, sequence, value: payload };
  });
}
