import type { OrderCommand } from '@shop/orders';
import { eventStoreTables } from '../lab/event-store-tables.ts';
import type { Bench } from '../lab/bench.ts';
import type { Experiment, Load } from '../lab/experiment.ts';
import { keysFrom, numbersFrom, popular, spread } from '../lab/seed.ts';
import type { Victim } from '../lab/victim.ts';
import { mark, moments, type Entry, type Marks, type Told } from './journal.ts';
import { tables } from './status-column.ts';

interface HistoryLoad extends Load {
  readonly orders: number;
  readonly clients: number;
  readonly kills: number;
}

/** A change, and what the order is by it. */
interface Step {
  readonly change: OrderCommand;
  readonly status: string;
  readonly reason?: string;
}

interface Life {
  readonly orderId: string;
  readonly steps: readonly Step[];
  readonly journal: Entry[];
}

/** Of the wrong answers, so many are shown. */
const CASES = 6;

/** Orders each client has under way at once: between two changes of one come changes of others. */
const AT_ONCE = 5;

/**
 * Orders live and end in all the ways they can; afterwards the service is asked about their past, and its clients know
 * the answers.
 */
export const experiment: Experiment<HistoryLoad> = {
  title: 'Event sourcing',
  harm: 'questions about the past answered wrongly, or not at all',
  variants: [
    {
      name: 'status column',
      practice: false,
      what: 'the row as it is now, with when it began and when it last changed',
    },
    { name: 'audit log', practice: false, what: 'the same row, and after each commit a line in a log beside it' },
    { name: 'event sourcing', practice: true, what: 'what happened is what is stored; the state is its sum' },
  ],
  load: {
    full: { seed: 20, orders: 600, clients: 8, kills: 10 },
    quick: { seed: 20, orders: 60, clients: 4, kills: 2 },
  },
  tables: eventStoreTables + tables,
  topics: [],

  async round(bench, { name }, load) {
    const lives = plan(load);
    bench.arm(...killsOf(lives, load));
    const service = await bench.start(import.meta.resolve('./service.ts'), name);
    await live(service, lives, load.clients);

    const marks: Marks = { asked: 0, right: 0, wrong: 0, unanswered: 0, cases: [] };
    let misremembered = 0;
    for (const { orderId, journal } of lives) {
      const told = await service.ask<Told & { now: string }>({
        orderId,
        moments: moments(journal).map(({ at }) => at),
      });
      if (!told) break;
      mark(marks, orderId, journal, told);
      if (told.now !== journal.at(-1)?.status) misremembered++;
    }
    return judged({ bench, service, lives, marks, misremembered });
  },
};

function judged({
  bench,
  service,
  lives,
  marks,
  misremembered,
}: {
  bench: Bench;
  service: Victim;
  lives: Life[];
  marks: Marks;
  misremembered: number;
}) {
  const acknowledged = lives.reduce((sum, { journal }) => sum + journal.length, 0);
  const changes = lives.reduce((sum, { steps }) => sum + steps.length, 0);
  const { asked, right, wrong, unanswered, cases } = marks;
  return {
    harm: wrong + unanswered,
    figures: {
      orders: lives.length,
      changes: acknowledged,
      kills: service.kills,
      'asked again': service.repeats,
      questions: asked,
      right,
      wrong,
      'no answer': unanswered,
    },
    cases: cases.slice(0, CASES),
    doubts: [
      ...bench.doubts(service),
      ...(acknowledged === changes ? [] : [`of ${changes} changes ${acknowledged} were acknowledged`]),
      ...(asked >= lives.length * 3 ? [] : [`${asked} questions about ${lives.length} orders are too few`]),
      ...(misremembered === 0 ? [] : [`${misremembered} orders are not even now what they became`]),
    ],
  };
}

const place = (orderId: string, productId: string): Step => ({
  change: {
    type: 'PlaceOrder',
    orderId,
    customerId: orderId,
    lines: [{ productId, quantity: 1 }],
    products: new Map(),
    pricing: 'list',
    paymentToken: 'tok_1',
  },
  status: 'placed',
});
const reserved: Step = { change: { type: 'NoteStockReserved' }, status: 'reserved' };
const cancelled = (change: OrderCommand, reason: string): Step => ({ change, status: 'cancelled', reason });

/** How an order may go on once it is placed, the usual first. */
const ways: readonly (readonly Step[])[] = [
  [reserved, { change: { type: 'NotePaymentAuthorised', paymentId: 'p1' }, status: 'confirmed' }],
  [reserved, cancelled({ type: 'CancelOrder' }, 'customer')],
  [cancelled({ type: 'CancelOrder' }, 'customer')],
  [reserved, cancelled({ type: 'NotePaymentDeclined', reason: 'card' }, 'payment-declined')],
  [cancelled({ type: 'NoteStockRefused', productIds: [] }, 'out-of-stock')],
  [reserved, cancelled({ type: 'ExpireOrder' }, 'timed-out')],
];

function plan({ seed, orders }: HistoryLoad): Life[] {
  const next = numbersFrom(seed);
  const way = popular(next, ways);
  const [productId = ''] = keysFrom(next, 1);
  return keysFrom(next, orders).map((orderId) => ({
    orderId,
    steps: [place(orderId, productId), ...way()],
    journal: [],
  }));
}

/** Where the process dies: right after the commit of these changes. */
function killsOf(lives: readonly Life[], { seed, kills }: HistoryLoad): string[] {
  const all = lives.flatMap(({ orderId, steps }) => steps.map((_, index) => `changed-${orderId}-${index + 1}`));
  return spread(numbersFrom(seed + 1), kills, all.length).map((place) => all[place] ?? '');
}

/** Clients live their orders, a few at once each, and write down what they asked for and when it was acknowledged. */
async function live(service: Victim, lives: readonly Life[], clients: number): Promise<void> {
  const waiting = Array.from({ length: Math.ceil(lives.length / AT_ONCE) }, (_, n) =>
    lives.slice(n * AT_ONCE, (n + 1) * AT_ONCE),
  ).values();
  const client = async () => {
    for (const few of waiting) {
      const turns = [0, 1, 2].flatMap((turn) =>
        few.flatMap((life) => (life.steps[turn] ? [{ life, step: life.steps[turn] }] : [])),
      );
      for (const { life, step } of turns) {
        const askedAt = Date.now();
        if (!(await service.ask({ orderId: life.orderId, change: step.change }))) return; // an accident, which the bench has noted
        life.journal.push({ status: step.status, reason: step.reason, askedAt, answeredAt: Date.now() });
      }
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
}
