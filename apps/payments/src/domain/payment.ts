import { DomainError, type Decider, type Money } from '@shop/kernel';

/** What the provider said to an authorisation. */
export type Authorisation =
  | { readonly status: 'authorised'; readonly paymentId: string }
  | { readonly status: 'declined'; readonly reason: string };

export type PaymentCommand =
  | ({ readonly type: 'AuthorisePayment'; readonly paymentToken: string; readonly answer?: Authorisation } & Money)
  | { readonly type: 'CapturePayment' }
  | { readonly type: 'VoidPayment' };

/** Money that is held or was taken, under the provider's name for it. */
interface Held extends Money {
  readonly paymentId: string;
}

export type PaymentEvent =
  | ({ readonly type: 'PaymentAuthorised' } & Held)
  | { readonly type: 'PaymentDeclined'; readonly reason: string }
  | ({ readonly type: 'PaymentCaptured' } & Held)
  | { readonly type: 'PaymentVoided' };

/** The money of one order. `voided` is final even where nothing was held: whatever comes later holds nothing. */
export type Payment =
  | { readonly status: 'none' }
  | ({ readonly status: 'authorised' | 'captured' } & Held)
  | { readonly status: 'declined'; readonly reason: string }
  | { readonly status: 'voided'; readonly held?: Held };

/** What has to happen at the provider before a command can be decided. */
export type MoneyMove =
  | ({ readonly type: 'authorise'; readonly paymentToken: string } & Money)
  | { readonly type: 'capture' | 'void'; readonly paymentId: string };

/**
 * Which money a command moves; nothing where it was moved already, is not held, or must not be moved. To be carried out before
 * deciding, with a key that makes a repetition harmless: a crash in between then asks again and gets the same answer.
 */
export function moneyMove(state: Payment, command: PaymentCommand): MoneyMove | undefined {
  switch (command.type) {
    case 'AuthorisePayment': {
      const { amount, currency, paymentToken } = command;
      return state.status === 'none' ? { type: 'authorise', amount, currency, paymentToken } : undefined;
    }
    case 'CapturePayment':
      return state.status === 'authorised' ? { type: 'capture', paymentId: state.paymentId } : undefined;
    case 'VoidPayment':
      return state.status === 'authorised' ? { type: 'void', paymentId: state.paymentId } : undefined;
  }
}

export const payment: Decider<Payment, PaymentCommand, PaymentEvent> = {
  initial: { status: 'none' },

  decide(state, command) {
    switch (command.type) {
      case 'AuthorisePayment':
        // Said twice, or after a void that overtook it: its answer stands.
        return state.status === 'none' ? [outcomeOf(command)] : [];
      case 'CapturePayment':
        if (state.status === 'captured') return [];
        if (state.status !== 'authorised') throw new DomainError('conflict', 'nothing-to-capture', `The payment is ${state.status}: no money is held.`);
        return [{ type: 'PaymentCaptured', ...heldBy(state) }];
      case 'VoidPayment':
        if (state.status === 'voided') return [];
        if (state.status === 'captured') throw new DomainError('conflict', 'payment-captured', 'The money has been taken; it can be refunded, not let go.');
        return [{ type: 'PaymentVoided' }];
    }
  },

  evolve(state, event) {
    switch (event.type) {
      case 'PaymentAuthorised':
        return { status: 'authorised', ...heldBy(event) };
      case 'PaymentDeclined':
        return { status: 'declined', reason: event.reason };
      case 'PaymentCaptured':
        return { status: 'captured', ...heldBy(event) };
      case 'PaymentVoided':
        return state.status === 'authorised' ? { status: 'voided', held: heldBy(state) } : { status: 'voided' };
    }
  },
};

function outcomeOf({ amount, currency, answer }: Extract<PaymentCommand, { type: 'AuthorisePayment' }>): PaymentEvent {
  if (!answer) throw new Error('An authorisation is decided by the answer of the provider, which was not asked');
  return answer.status === 'authorised'
    ? { type: 'PaymentAuthorised', paymentId: answer.paymentId, amount, currency }
    : { type: 'PaymentDeclined', reason: answer.reason };
}

function heldBy({ paymentId, amount, currency }: Held): Held {
  return { paymentId, amount, currency };
}
