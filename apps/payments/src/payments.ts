import { Injectable } from '@nestjs/common';
import { DomainError, fold } from '@shop/kernel';
import { paymentAuthorised, paymentCaptured, paymentDeclined, paymentVoided } from '@shop/contracts';
import { event, Poison, type Effect, type Outgoing } from '@shop/eventing';
import { Database, type Transaction } from '@shop/platform';
import { moneyMove, payment, type MoneyMove, type Payment, type PaymentCommand, type PaymentEvent } from './domain/payment.ts';
import { PaymentProvider } from './payment-provider.ts';

interface Row {
  status: Exclude<Payment['status'], 'none'>;
  payment_id: string | null;
  amount: string | null;
  currency: string | null;
  reason: string | null;
  version: number;
}

/**
 * Moves money, then records that it moved, in that order: the provider cannot take part in our transaction. A crash in between is
 * harmless, because the message comes again and the provider, asked again for the same order, answers what it answered before.
 * An answer that does not come leaves the outcome open, so it is never recorded as a refusal: the message is tried again until it is known.
 */
@Injectable()
export class Payments {
  constructor(
    private readonly database: Database,
    private readonly provider: PaymentProvider,
  ) {}

  async handle(orderId: string, command: PaymentCommand, effect: Effect): Promise<void> {
    await effect.beforeActingOutside();
    const { state, version } = await this.load(orderId);
    const events = await this.decide(orderId, state, command);
    await effect.transaction(async (tx) => {
      if (events.length === 0) return;
      await save(tx, orderId, fold(payment, events, state), { from: version, to: version + events.length });
      await effect.publish(tx, events.map((decided, index) => announce(orderId, decided, version + 1 + index)));
    });
  }

  private async decide(orderId: string, state: Payment, command: PaymentCommand): Promise<readonly PaymentEvent[]> {
    try {
      const move = moneyMove(state, command);
      const answer = move && (await this.carryOut(orderId, move));
      return payment.decide(state, answer && command.type === 'AuthorisePayment' ? { ...command, answer } : command);
    } catch (error) {
      // A rule or the provider said no for good: trying again would never change it.
      if (error instanceof DomainError && error.kind !== 'unavailable') throw new Poison(`${error.code}: ${error.message}`);
      throw error;
    }
  }

  private async carryOut(orderId: string, move: MoneyMove) {
    switch (move.type) {
      case 'authorise':
        return this.provider.authorise(orderId, move);
      case 'capture':
        return void (await this.provider.capture(orderId, move.paymentId));
      case 'void':
        return void (await this.provider.void(orderId, move.paymentId));
    }
  }

  private async load(orderId: string): Promise<{ state: Payment; version: number }> {
    const [row] = await this.database.query<Row>(
      'SELECT status, payment_id, amount, currency, reason, version FROM payments WHERE order_id = $1',
      [orderId],
      'payment-load',
    );
    return row ? { state: stateOf(row), version: row.version } : { state: payment.initial, version: 0 };
  }
}

/** Writes the row, and so holds its lock, only if it is still the one that was decided on. */
async function save(tx: Transaction, orderId: string, state: Payment, version: { from: number; to: number }): Promise<void> {
  const held = 'paymentId' in state ? state : 'held' in state ? state.held : undefined;
  const reason = 'reason' in state ? state.reason : undefined;
  const saved = await tx.query(
    `INSERT INTO payments (order_id, status, payment_id, amount, currency, reason, version)
     VALUES ($1, $2, $3, $4, $5, $6, $7)
     ON CONFLICT ON CONSTRAINT payments_pkey DO UPDATE
       SET status = excluded.status, payment_id = excluded.payment_id, amount = excluded.amount, currency = excluded.currency,
           reason = excluded.reason, version = excluded.version, updated_at = clock_timestamp()
       WHERE payments.version = $8
     RETURNING 1`,
    [orderId, state.status, held?.paymentId, held?.amount, held?.currency, reason, version.to, version.from],
    'payment-save',
  );
  if (saved.length === 0) throw new Error(`The payment of order ${orderId} has changed meanwhile; deciding again`);
}

function stateOf({ status, payment_id, amount, currency, reason }: Row): Payment {
  // Which columns are filled is the table's constraint.
  const held = payment_id === null ? undefined : { paymentId: payment_id, amount: Number(amount), currency: currency ?? '' };
  switch (status) {
    case 'authorised':
    case 'captured':
      if (!held) throw new Error(`A payment is ${status} without money: the row is damaged`);
      return { status, ...held };
    case 'declined':
      return { status, reason: reason ?? '' };
    case 'voided':
      return held ? { status, held } : { status };
  }
}

function announce(orderId: string, decided: PaymentEvent, sequence: number): Outgoing {
  const about = { key: orderId, sequence };
  switch (decided.type) {
    case 'PaymentAuthorised':
    case 'PaymentCaptured': {
      const { paymentId, amount, currency } = decided;
      const contract = decided.type === 'PaymentAuthorised' ? paymentAuthorised : paymentCaptured;
      return event(contract, { ...about, data: { orderId, paymentId, amount, currency } });
    }
    case 'PaymentDeclined':
      return event(paymentDeclined, { ...about, data: { orderId, reason: decided.reason } });
    case 'PaymentVoided':
      return event(paymentVoided, { ...about, data: { orderId } });
  }
}
