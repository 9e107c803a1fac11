import {
  authorisePayment,
  orderCancelled,
  orderConfirmed,
  orderPaymentAuthorised,
  orderPaymentDeclined,
  orderPlaced,
  orderStockRefused,
  orderStockReserved,
  type CloudEvent,
} from '@shop/contracts';
import { EventStore, handleCommand, type PostgresOutbox } from '@shop/eventing';
import { fold, schemaVersionOf } from '@shop/kernel';
import type { Database } from '@shop/platform';
import { order, type OrderEvent } from './domain/order.ts';
import { orderUpcasters } from './domain/upcasters.ts';
import { orderProcess } from './order-process.ts';

/** What came of putting back what a restored database lacks. */
export interface PutBack {
  readonly orders: number;
  readonly events: number;
  /** What could not be put back whole, and what became of it. */
  readonly lacking: readonly { readonly id: string; readonly reason: string }[];
}

interface Fact {
  readonly version: number;
  readonly id: string;
  readonly recordedAt: string;
  readonly event: OrderEvent;
}

/** A card's token that is in no message. */
const NO_TOKEN = '';

/**
 * The event that a published fact announced. The fact does not bear everything: the token of the card comes from the
 * request for the payment, where that was published, and what was taken off the price, which no decision looks at
 * again, is not known any more.
 */
export function eventOf(
  { type, data }: Pick<CloudEvent, 'type' | 'data'>,
  paymentToken: string = NO_TOKEN,
): OrderEvent | undefined {
  switch (type) {
    case orderPlaced.type: {
      const { orderId, customerId, lines, total: amount, currency } = orderPlaced.data.parse(data);
      return { type: 'OrderPlaced', orderId, customerId, lines, total: { amount, currency }, paymentToken };
    }
    case orderStockReserved.type:
      return { type: 'StockReserved' };
    case orderStockRefused.type:
      return { type: 'StockRefused', productIds: orderStockRefused.data.parse(data).productIds };
    case orderPaymentAuthorised.type:
      return { type: 'PaymentAuthorised', paymentId: orderPaymentAuthorised.data.parse(data).paymentId };
    case orderPaymentDeclined.type:
      return { type: 'PaymentDeclined', reason: orderPaymentDeclined.data.parse(data).reason };
    case orderConfirmed.type:
      return { type: 'OrderConfirmed' };
    case orderCancelled.type:
      return { type: 'OrderCancelled', reason: orderCancelled.data.parse(data).reason };
    default:
      return undefined;
  }
}

/**
 * The published facts of each order, by version: each once, however often it is on the topic. `requests` are those for
 * payments.
 */
export function factsOf(facts: readonly CloudEvent[], requests: readonly CloudEvent[]): Map<string, Fact[]> {
  const tokens = new Map(
    requests.flatMap(({ type, data }) => {
      const read = type === authorisePayment.type ? authorisePayment.data.safeParse(data).data : undefined;
      return read ? [[read.orderId, read.paymentToken] as const] : [];
    }),
  );
  const streams = new Map<string, Map<number, Fact>>();
  for (const { id, subject, sequence, time, type, data } of facts) {
    const event = eventOf({ type, data }, tokens.get(subject));
    if (!event || sequence === undefined) continue;
    const stream = streams.get(subject) ?? new Map<number, Fact>();
    streams.set(subject, stream.set(Number(sequence), { version: Number(sequence), id, recordedAt: time, event }));
  }
  return new Map([...streams].map(([stream, by]) => [stream, [...by.values()].sort((a, b) => a.version - b.version)]));
}

/** What follows on `known` without a gap; `undefined` where something in between is gone. */
export function missing(facts: readonly Fact[], known: number): Fact[] | undefined {
  const later = facts.filter(({ version }) => version > known);
  return later.every(({ version }, n) => version === known + 1 + n) ? later : undefined;
}

const AT_ONCE = 200;

/**
 * Puts orders and events back that a restored database lacks, as they were published: under their ids, versions and
 * times, so that whoever has them has them still. Whatever an order is to be asked for is asked for again, and answered
 * as before. An order that nobody can have paid, because the token of its card is in no message, is cancelled. Nothing
 * is announced again. To be repeated at will. With `dryRun` it only says what it would do.
 */
export async function putBackOrders(
  database: Database,
  outbox: PostgresOutbox,
  {
    facts,
    requests,
    dryRun,
  }: { readonly facts: readonly CloudEvent[]; readonly requests: readonly CloudEvent[]; readonly dryRun: boolean },
): Promise<PutBack> {
  const streams = [...factsOf(facts, requests)];
  const lacking: { id: string; reason: string }[] = [];
  let [orders, events] = [0, 0];
  for (let n = 0; n < streams.length; n += AT_ONCE) {
    const some = streams.slice(n, n + AT_ONCE);
    const known = new Map(
      (
        await database.query<{ stream: string; version: number }>(
          'SELECT stream, max(version)::int AS version FROM events WHERE stream = ANY ($1) GROUP BY stream',
          [some.map(([stream]) => stream)],
        )
      ).map(({ stream, version }) => [stream, version]),
    );
    for (const [stream, all] of some) {
      const before = known.get(stream) ?? 0;
      const later = missing(all, before);
      if (!later)
        lacking.push({
          id: stream,
          reason: `its events after version ${before} are not on the topic without a gap (${all.map(({ version }) => version).join(', ')})`,
        });
      if (!later?.length) continue;
      [orders, events] = [orders + 1, events + later.length];
      const cannotBePaid = await putBackOne(database, outbox, stream, later, dryRun);
      if (cannotBePaid)
        lacking.push({
          id: stream,
          reason: 'the token of its card is in no message, so it cannot be paid: it is cancelled',
        });
    }
  }
  return { orders, events, lacking };
}

/** Answers whether it had to be cancelled. */
async function putBackOne(
  database: Database,
  outbox: PostgresOutbox,
  stream: string,
  later: readonly Fact[],
  dryRun: boolean,
): Promise<boolean> {
  const store = new EventStore(database, outbox, orderUpcasters);
  const past = (await store.load<OrderEvent>(stream)).map(({ event }) => event);
  const state = fold(order, [...past, ...later.map(({ event }) => event)]);
  const cannotBePaid = state.status === 'placed' && state.paymentToken === NO_TOKEN;
  if (dryRun) return cannotBePaid;
  const version = later.at(-1)?.version ?? 0;
  await database.transaction(async (tx) => {
    await tx.query(
      `INSERT INTO events (stream, version, id, type, schema_version, data, recorded_at)
       SELECT $1, e.version, e.id, e.type, e.form, e.data, e.at FROM unnest($2::int[], $3::uuid[], $4::text[], $5::smallint[], $6::jsonb[], $7::timestamptz[]) AS e(version, id, type, form, data, at)`,
      [
        stream,
        later.map((one) => one.version),
        later.map(({ id }) => id),
        later.map(({ event }) => event.type),
        later.map(({ event }) => schemaVersionOf(event.type, orderUpcasters)),
        later.map(({ event: { type: _, ...data } }) => JSON.stringify(data)),
        later.map(({ recordedAt }) => recordedAt),
      ],
    );
    await tx.query(
      `INSERT INTO deadlines (stream, version, due_at, look_at, awaited) VALUES ($1, $2, coalesce(clock_timestamp() + $5::float8 * interval '1 millisecond', 'infinity'), clock_timestamp() + $3 * interval '1 millisecond', $4)
       ON CONFLICT ON CONSTRAINT deadlines_pkey DO UPDATE SET version = excluded.version, due_at = excluded.due_at, look_at = excluded.look_at, awaited = excluded.awaited, asked = 1, since = clock_timestamp()`,
      [
        stream,
        version,
        orderProcess.patience(state) ?? 0,
        orderProcess.awaits?.(state) ?? [],
        orderProcess.givesUpAfter?.(state),
      ],
    );
  });
  if (!cannotBePaid) return false;
  const [clock] = await database.query<{ now: Date }>('SELECT clock_timestamp() AS now');
  await handleCommand(store, orderProcess, stream, { type: 'ExpireOrder' }, { at: clock?.now.toISOString() ?? '' });
  return true;
}
