import { randomUUIDv7 } from 'node:crypto';
import { EventStore, KeyUsed, PostgresOutbox, startStream, type IdempotencyRow, type Process } from '@shop/eventing';
import { serve, takePart } from '../lab/part.ts';

/** What a client wants, once. It sends the same again when it got no answer. */
export interface Wish {
  readonly number: number;
  /** Its Idempotency-Key; absent where clients send none. */
  readonly key?: string;
}

interface Placed {
  readonly type: 'OrderPlaced';
  readonly wish: number;
}

/** The process that is killed: it places an order, and answers with the order's id. */
const { database, failPoint } = takePart();
const store = new EventStore(database, new PostgresOutbox());
const orders: Process<number | undefined, Wish, Placed> = {
  decider: {
    initial: undefined,
    decide: (_, { number }) => [{ type: 'OrderPlaced', wish: number }],
    evolve: (_, { wish }) => wish,
  },
  announce: () => [],
  patience: () => undefined,
};

serve<Wish>(
  async (wish) => {
    const orderId = await place(wish);
    failPoint(`placed-${wish.number}`);
    return { orderId };
  },
  () => Promise.resolve(),
);

/**
 * As apps/orders does it: the answer is written in the statement that places the order; the same key again gets the
 * same answer.
 */
async function place(wish: Wish): Promise<string> {
  const given = await answerTo(wish);
  if (given !== undefined) return given;
  const orderId = randomUUIDv7();
  const idempotency = wish.key === undefined ? {} : { idempotency: () => row(wish.key ?? '', orderId) };
  try {
    await startStream(store, orders, orderId, wish, { at: new Date().toISOString(), ...idempotency });
    return orderId;
  } catch (error) {
    const answer = error instanceof KeyUsed ? await answerTo(wish) : undefined;
    if (answer === undefined) throw error;
    return answer;
  }
}

async function answerTo({ key }: Wish): Promise<string | undefined> {
  return key === undefined
    ? undefined
    : ((await store.answerTo('client', 'place-order', key))?.answer as string | undefined);
}

function row(key: string, orderId: string): IdempotencyRow {
  return { principal: 'client', operation: 'place-order', key, bodyHash: key, status: 201, answer: orderId };
}
