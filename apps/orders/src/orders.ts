import { createHash, randomUUIDv7 } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { DomainError, fold } from '@shop/kernel';
import type { OrderHistory, OrderView, PlaceOrder } from '@shop/contracts';
import {
  EventStore,
  handleCommand,
  KeyUsed,
  startStream,
  type IdempotencyRow,
  type InboxRow,
  type RecordedEvent,
} from '@shop/eventing';
import { Flags, HttpProblem, lockTimedOut, PreconditionFailed } from '@shop/platform';
import { order, type Order, type OrderCommand, type OrderEvent } from './domain/order.ts';
import { mayBeDiscounted, type Pricing } from './domain/pricing.ts';
import { orderProcess } from './order-process.ts';
import { OrderReads } from './order-reads.ts';
import { Prices } from './prices.ts';

/** An answer, and whether it had been given before under the same Idempotency-Key. */
export interface Answered {
  readonly view: OrderView;
  readonly replayed: boolean;
}

/**
 * Who asks, and whether they serve customers: then any customer's order is theirs to read, and that they did is written
 * down.
 */
export interface Reader {
  readonly subject: string;
  readonly servesCustomers: boolean;
}

interface Attempt {
  readonly customerId: string;
  readonly key: string;
  readonly bodyHash: string;
}

const PLACE = 'place-order';
const IN_PROGRESS = 'A request with this Idempotency-Key is still under way. Repeat it in a moment to get its answer.';

/** What can be done with orders: each method loads, decides and commits once. */
@Injectable()
export class Orders {
  constructor(
    private readonly store: EventStore,
    private readonly prices: Prices,
    private readonly reads: OrderReads,
    private readonly flags: Flags,
  ) {}

  /**
   * Places an order; the same key again gets the first answer again, be it an order or a refusal. While the first is
   * still being answered, its repeat waits as long as the database waits for a lock, and is then told to come again.
   */
  async place(customerId: string, key: string, body: PlaceOrder): Promise<Answered> {
    // The schema has put the fields in one order, so the text is canonical.
    const attempt = {
      customerId,
      key,
      bodyHash: createHash('sha256').update(JSON.stringify(body)).digest('base64url'),
    };
    const [given, products] = await Promise.all([
      this.answerTo(attempt),
      this.prices.of(body.lines.map((line) => line.productId)),
    ]);
    if (given) return given;
    const pricing = await this.pricingFor(customerId, body.lines);
    try {
      return await this.start(attempt, {
        type: 'PlaceOrder',
        orderId: randomUUIDv7(),
        customerId,
        products,
        pricing,
        ...body,
      });
    } catch (error) {
      // Somebody was faster under the same key: theirs is the answer.
      const answer = error instanceof KeyUsed ? await this.answerTo(attempt) : undefined;
      if (answer) return answer;
      // The stream is new, so the key is all that anybody else can hold.
      if (lockTimedOut(error))
        throw new HttpProblem(409, 'request-in-progress', IN_PROGRESS, { headers: { 'retry-after': '1' } });
      throw error;
    }
  }

  /** Cancels an order of this customer; `ifVersion` is the caller's If-Match. */
  async cancel(customerId: string, id: string, ifVersion?: readonly number[]): Promise<OrderView> {
    const { placedAt } = await this.get(customerId, id);
    const { state, version } = await handleCommand(
      this.store,
      orderProcess,
      id,
      { type: 'CancelOrder' },
      { at: now(), ifVersion },
    );
    return view(state, version, placedAt);
  }

  /** Tells an order what has become of a step; the message that said so is noted in the same statement. */
  async note(id: string, command: OrderCommand, inbox: InboxRow): Promise<void> {
    await handleCommand(this.store, orderProcess, id, command, { at: now(), inbox });
  }

  /** Gives an order up whose next step did not come, unless it has moved on from `version` meanwhile. */
  async expire(id: string, version: number): Promise<void> {
    try {
      await handleCommand(this.store, orderProcess, id, { type: 'ExpireOrder' }, { at: now(), ifVersion: version });
    } catch (error) {
      if (!(error instanceof PreconditionFailed)) throw error;
    }
  }

  /**
   * Folds the stream, so one reads what one wrote. Somebody else's order is not found, unless the reader serves
   * customers.
   */
  async get(reader: string | Reader, id: string): Promise<OrderView> {
    const events = await this.eventsOf(reader, id, 'order');
    return view(
      fold(
        order,
        events.map((one) => one.event),
      ),
      events.length,
      events[0]?.recordedAt ?? '',
    );
  }

  async history(reader: string | Reader, id: string): Promise<OrderHistory> {
    const events = await this.eventsOf(reader, id, 'history');
    return {
      id,
      events: events.map(({ version, recordedAt, event: { type, ...data } }) => {
        const { paymentToken: _, ...shown } = data as Record<string, unknown>;
        return { version, type, recordedAt, data: shown };
      }),
    };
  }

  /**
   * The rule that is in force for this customer. It is asked for once, where it can matter, and what came of it is in
   * the order's event.
   */
  private async pricingFor(customerId: string, lines: PlaceOrder['lines']): Promise<Pricing> {
    return mayBeDiscounted(lines) && (await this.flags.isOn('volume-discount', customerId))
      ? 'volume-discount'
      : 'list';
  }

  /** A refusal is an answer too, and kept, where nothing but the request is at fault. */
  private async start(attempt: Attempt, command: OrderCommand & { type: 'PlaceOrder' }): Promise<Answered> {
    const at = now();
    try {
      const { state, version } = await startStream(this.store, orderProcess, command.orderId, command, {
        at,
        idempotency: (placed, version) => row(attempt, 201, view(placed, version, at)),
      });
      return { view: view(state, version, at), replayed: false };
    } catch (error) {
      if (error instanceof DomainError && isForGood(error))
        await this.store.remember(row(attempt, 422, refusal(error)));
      throw error;
    }
  }

  /** What was answered under this key, if it was used before; another body under it is refused. */
  private async answerTo({ customerId, key, bodyHash }: Attempt): Promise<Answered | undefined> {
    const given = await this.store.answerTo(customerId, PLACE, key);
    if (!given) return undefined;
    if (given.bodyHash !== bodyHash) {
      throw new DomainError(
        'invalid',
        'idempotency-key-reused',
        'This Idempotency-Key was used for a different request.',
      );
    }
    if (given.status === 201) return { view: given.answer as OrderView, replayed: true };
    const { kind, code, message, errors } = given.answer as DomainError;
    throw new DomainError(kind, code, message, errors);
  }

  private async eventsOf(
    who: string | Reader,
    id: string,
    what: 'order' | 'history',
  ): Promise<RecordedEvent<OrderEvent>[]> {
    const { subject, servesCustomers } = typeof who === 'string' ? { subject: who, servesCustomers: false } : who;
    const events = await this.store.loadFor<OrderEvent>(id, {
      field: 'customerId',
      value: subject,
      anybodys: servesCustomers,
    });
    const [placed] = events;
    if (placed?.event.type !== 'OrderPlaced')
      throw new DomainError('not-found', 'order-not-found', 'There is no such order.');
    const { customerId } = placed.event;
    if (customerId !== subject) await this.reads.note({ reader: subject, order: id, customer: customerId, what });
    return events;
  }
}

/**
 * That the database was away will pass, and a product that our copy of the catalog does not know may be on its way to
 * it.
 */
const isForGood = ({ kind, code }: DomainError) => kind !== 'unavailable' && code !== 'unknown-product';

const now = () => new Date().toISOString();

const row = ({ customerId, key, bodyHash }: Attempt, status: number, answer: unknown): IdempotencyRow => ({
  principal: customerId,
  operation: PLACE,
  key,
  bodyHash,
  status,
  answer,
});

const refusal = ({ kind, code, message, errors }: DomainError) => ({ kind, code, message, errors });

/** An order as its customer sees it. */
export function view(state: Order, version: number, placedAt: string): OrderView {
  if (state.status === 'none') throw new Error('an order that was never placed has no view');
  const { orderId: id, status, lines, total, currency } = state;
  const cancellation = state.status === 'cancelled' ? { cancellation: state.reason } : {};
  return { id, status, lines: [...lines], total, currency, ...cancellation, placedAt, version };
}
