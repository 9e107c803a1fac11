import { Injectable } from '@nestjs/common';
import { DomainError, fold } from '@shop/kernel';
import { paymentAuthorised, paymentCaptured, paymentDeclined, paymentVoided } from '@shop/contracts';
import { event, Outbox, Poison, type Effect, type Outgoing } from '@shop/eventing';
import { Database, type Transaction } from '@shop/platform';
import {
  isOpen,
  moneyMove,
  payment,
  stands,
  type Answer,
  type MoneyMove,
  type PaymentCommand,
  type PaymentEvent,
} from './domain/payment.ts';
import { load, save, type Cause, type DueOutcome, type Loaded, type Stored } from './payment-rows.ts';
import { PaymentProvider } from './payment-provider.ts';

/**
 * For how long what was read may be acted on outside, in milliseconds: less than an open outcome's lease, more than a
 * look at the ledger takes.
 */
const READ_IS_GOOD_FOR_MS = 6_000;

/**
 * Moves money, then records that it moved, in that order: the provider cannot take part in our transaction. A crash in
 * between is harmless, because the message comes again and the provider, asked again for the same order, answers what
 * it answered before. An answer that does not come leaves the outcome open: it is never recorded as a refusal but as a
 * row, and `reconcile` asks the provider's ledger until the row can go.
 */
@Injectable()
export class Payments {
  constructor(
    private readonly database: Database,
    private readonly provider: PaymentProvider,
    private readonly outbox: Outbox,
  ) {}

  /** What orders asked for. */
  async handle(orderId: string, command: PaymentCommand, effect: Effect): Promise<void> {
    await effect.beforeActingOutside();
    const before = await load(this.database, orderId);
    const decided = await this.decide(orderId, before, command).catch((error: unknown) => {
      // A rule or the provider said no for good: trying again would never change it.
      if (error instanceof DomainError && error.kind !== 'unavailable')
        throw new Poison(`${error.code}: ${error.message}`);
      throw error;
    });
    const { id: messageId, traceparent } = effect.message;
    await effect.transaction((tx) => this.record(tx, orderId, decided, { messageId, traceparent }));
  }

  /**
   * Finds out from the provider's ledger what became of an open outcome, and does what is left to do. Answers whether
   * it is known now.
   */
  async reconcile({ orderId, quiet, cause }: DueOutcome): Promise<boolean> {
    const before = await load(this.database, orderId);
    if (!isOpen(before.state)) return true;
    const standing = await this.provider.standing(orderId);
    const decided = await this.decide(orderId, before, { type: 'Reconcile', standing, quiet });
    await this.database.transaction((tx) => this.record(tx, orderId, decided, cause));
    this.outbox.wake();
    return !isOpen(decided.after.state);
  }

  private async decide(orderId: string, before: Loaded, command: PaymentCommand): Promise<Decided> {
    const move = moneyMove(before.state, command);
    // A process that stood still may wake up when others have long given the order up: it has to read again before it
    // asks for money.
    if (move && performance.now() - before.readAt > READ_IS_GOOD_FOR_MS)
      throw new Error(`The payment of order ${orderId} was read too long ago to act on it`);
    const answer = move && (await this.carryOut(orderId, move));
    const events = payment.decide(before.state, answer ? { ...command, answer } : command);
    const messages = events
      .flatMap((one) => announce(orderId, one))
      .map((message, index) => ({ ...message, sequence: before.version + 1 + index }));
    const after = { state: fold(payment, events, before.state), version: before.version + messages.length };
    const standing = events.length === 0 ? stands(before.state) : undefined;
    return { before, after, messages: standing ? announce(orderId, standing) : messages };
  }

  /** No answer is an answer too: nobody knows. */
  private async carryOut(orderId: string, move: MoneyMove): Promise<Answer> {
    try {
      if (move.type === 'authorise') return await this.provider.authorise(orderId, move);
      await this.provider[move.type](orderId, move.paymentId);
      return { status: move.type === 'capture' ? 'captured' : 'voided' };
    } catch (error) {
      if (error instanceof DomainError && error.kind === 'unavailable') return { status: 'unknown' };
      throw error;
    }
  }

  private async record(
    tx: Transaction,
    orderId: string,
    { before, after, messages }: Decided,
    cause: Cause,
  ): Promise<void> {
    if (after.state !== before.state) await save(tx, { orderId, before, after, cause });
    await this.outbox.add(tx, messages, cause.messageId);
  }
}

interface Decided {
  readonly before: Stored;
  readonly after: Stored;
  /**
   * Numbered by the outcomes announced about the order, from 1; without a number where they only tell again what
   * stands.
   */
  readonly messages: readonly Outgoing[];
}

/** What others are told; that an outcome is open is our own affair. */
function announce(orderId: string, decided: PaymentEvent): Outgoing[] {
  const key = orderId;
  switch (decided.type) {
    case 'PaymentAuthorised':
    case 'PaymentCaptured': {
      const { paymentId, amount, currency } = decided;
      const contract = decided.type === 'PaymentAuthorised' ? paymentAuthorised : paymentCaptured;
      return [event(contract, { key, data: { orderId, paymentId, amount, currency } })];
    }
    case 'PaymentDeclined':
      return [event(paymentDeclined, { key, data: { orderId, reason: decided.reason } })];
    case 'PaymentVoided':
      return [event(paymentVoided, { key, data: { orderId } })];
    case 'OutcomeUnknown':
    case 'PaymentUnwanted':
      return [];
  }
}
