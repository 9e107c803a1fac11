import { DomainError, type Decider, type Money } from '@shop/kernel';

/** What the provider said to an authorisation. */
export type Authorisation =
  | { readonly status: 'authorised'; readonly paymentId: string }
  | { readonly status: 'declined'; readonly reason: string };

/**
 * What came of asking the provider for a move; `unknown` when it did not answer: the money has moved, or will yet, or
 * never.
 */
export type Answer = Authorisation | { readonly status: 'captured' | 'voided' | 'unknown' };

/** Money that is held or was taken, under the provider's name for it. */
interface Held extends Money {
  readonly paymentId: string;
}

interface Request extends Money {
  readonly paymentToken: string;
}

/** What the provider's own ledger says about an order. */
export type Standing =
  | { readonly status: 'none' }
  | ({ readonly status: 'authorised' | 'captured' | 'voided' } & Held)
  | { readonly status: 'declined'; readonly reason: string };

/** What has to happen at the provider before a command can be decided. */
export type MoneyMove =
  | ({ readonly type: 'authorise' } & Request)
  | { readonly type: 'capture' | 'void'; readonly paymentId: string };

/** `answer` is what came of the command's move (`moneyMove`), where it has one. */
export type PaymentCommand = { readonly answer?: Answer } & (
  | ({ readonly type: 'AuthorisePayment' } & Request)
  | { readonly type: 'CapturePayment' | 'VoidPayment' }
  /**
   * An open outcome, compared with the ledger. `quiet`: whatever the provider was asked for has been carried out by
   * now, or never will be.
   */
  | { readonly type: 'Reconcile'; readonly standing: Standing; readonly quiet: boolean }
);

export type PaymentEvent =
  | ({ readonly type: 'PaymentAuthorised' } & Held)
  | { readonly type: 'PaymentDeclined'; readonly reason: string }
  | ({ readonly type: 'PaymentCaptured' } & Held)
  | { readonly type: 'PaymentVoided' }
  | { readonly type: 'OutcomeUnknown'; readonly move: MoneyMove }
  | { readonly type: 'PaymentUnwanted' };

/**
 * The money of one order. `voided` is final even where nothing was held: whatever comes later holds nothing. An outcome
 * is open while the provider has not said what came of a move: `unknown` of an authorisation, `open` of what was to
 * become of held money.
 */
export type Payment =
  | { readonly status: 'none' }
  | ({ readonly status: 'unknown'; readonly unwanted: boolean } & Request)
  | ({ readonly status: 'authorised'; readonly open?: 'capture' | 'void' } & Held)
  | ({ readonly status: 'captured' } & Held)
  | { readonly status: 'declined'; readonly reason: string }
  | { readonly status: 'voided'; readonly held?: Held };

/** Whether the provider's ledger has to be asked what became of this payment. */
export function isOpen(state: Payment): boolean {
  return state.status === 'unknown' || (state.status === 'authorised' && state.open !== undefined);
}

/**
 * What stands, as it was told first: for orders, which ask again for what was done before when they have not been told.
 * Nothing while an outcome is open: that is told as soon as it is known.
 */
export function stands(state: Payment): PaymentEvent | undefined {
  if (isOpen(state)) return undefined;
  switch (state.status) {
    case 'authorised':
      return { type: 'PaymentAuthorised', ...heldBy(state) };
    case 'captured':
      return { type: 'PaymentCaptured', ...heldBy(state) };
    case 'declined':
      return { type: 'PaymentDeclined', reason: state.reason };
    case 'voided':
      return { type: 'PaymentVoided' };
    case 'none':
    case 'unknown':
      return undefined;
  }
}

/**
 * Which money a command moves; nothing where it was moved already, is not held, or must not be moved. To be carried out
 * before deciding, with a key that makes a repetition harmless: a crash in between then asks again and gets the same
 * answer.
 */
export function moneyMove(state: Payment, command: PaymentCommand): MoneyMove | undefined {
  switch (command.type) {
    case 'AuthorisePayment': {
      const { amount, currency, paymentToken } = command;
      return state.status === 'none' ? { type: 'authorise', amount, currency, paymentToken } : undefined;
    }
    case 'CapturePayment':
      return state.status === 'authorised' && !state.open ? { type: 'capture', paymentId: state.paymentId } : undefined;
    case 'VoidPayment':
      return state.status === 'authorised' && !state.open ? { type: 'void', paymentId: state.paymentId } : undefined;
    case 'Reconcile':
      return nextMove(state, command.standing);
  }
}

/**
 * What is still to be done where the ledger shows that it was not, and what is to be undone because nobody wants it any
 * more.
 */
function nextMove(state: Payment, standing: Standing): MoneyMove | undefined {
  if (state.status === 'unknown') {
    const { amount, currency, paymentToken, unwanted } = state;
    if (standing.status === 'none' && !unwanted) return { type: 'authorise', amount, currency, paymentToken };
    return standing.status === 'authorised' && unwanted ? { type: 'void', paymentId: standing.paymentId } : undefined;
  }
  if (state.status !== 'authorised' || !state.open) return undefined;
  return standing.status === 'authorised' ? { type: state.open, paymentId: state.paymentId } : undefined;
}

export const payment: Decider<Payment, PaymentCommand, PaymentEvent> = {
  initial: { status: 'none' },

  decide(state, command) {
    switch (command.type) {
      case 'AuthorisePayment':
        // Said twice, or after a void that overtook it: its answer stands.
        return state.status === 'none' ? outcomeOf(command, command.answer) : [];
      case 'CapturePayment':
        return capture(state, command.answer);
      case 'VoidPayment':
        return letGo(state, command.answer);
      case 'Reconcile':
        if (state.status === 'unknown') return reconcileAuthorisation(state, command);
        return state.status === 'authorised' && state.open ? reconcileHeld(state, state.open, command) : [];
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
      case 'PaymentUnwanted':
        return state.status === 'unknown' ? { ...state, unwanted: true } : state;
      case 'OutcomeUnknown': {
        const { type: move, ...asked } = event.move;
        if (move === 'authorise') return { status: 'unknown', unwanted: false, ...(asked as Request) };
        return state.status === 'authorised' ? { ...state, open: move } : state;
      }
    }
  },
};

function outcomeOf({ amount, currency, paymentToken }: Request, answer: Answer | undefined): readonly PaymentEvent[] {
  switch (answer?.status) {
    case 'authorised':
      return [{ type: 'PaymentAuthorised', paymentId: answer.paymentId, amount, currency }];
    case 'declined':
      return [{ type: 'PaymentDeclined', reason: answer.reason }];
    case 'unknown':
      return [{ type: 'OutcomeUnknown', move: { type: 'authorise', amount, currency, paymentToken } }];
    case 'captured':
    case 'voided':
    case undefined:
      throw new Error('An authorisation is decided by the answer of the provider, which was not asked');
  }
}

function capture(state: Payment, answer: Answer | undefined): readonly PaymentEvent[] {
  if (state.status === 'captured' || (state.status === 'authorised' && state.open === 'capture')) return [];
  if (state.status !== 'authorised' || state.open)
    throw new DomainError('conflict', 'nothing-to-capture', `The payment is ${state.status}: no money is held.`);
  if (answer?.status === 'unknown')
    return [{ type: 'OutcomeUnknown', move: { type: 'capture', paymentId: state.paymentId } }];
  return [{ type: 'PaymentCaptured', ...heldBy(state) }];
}

function letGo(state: Payment, answer: Answer | undefined): readonly PaymentEvent[] {
  if (state.status === 'voided' || (state.status === 'authorised' && state.open === 'void')) return [];
  // Nothing may be let go whose authorisation is still open: it is noted, and settled with the ledger.
  if (state.status === 'unknown') return state.unwanted ? [] : [{ type: 'PaymentUnwanted' }];
  if (state.status === 'captured' || (state.status === 'authorised' && state.open)) {
    throw new DomainError('conflict', 'payment-captured', 'The money has been taken; it can be refunded, not let go.');
  }
  if (state.status === 'authorised' && answer?.status === 'unknown')
    return [{ type: 'OutcomeUnknown', move: { type: 'void', paymentId: state.paymentId } }];
  return [{ type: 'PaymentVoided' }];
}

type Reconcile = Extract<PaymentCommand, { type: 'Reconcile' }>;

function reconcileAuthorisation(
  state: Extract<Payment, { status: 'unknown' }>,
  { standing, quiet, answer }: Reconcile,
): readonly PaymentEvent[] {
  switch (standing.status) {
    case 'none':
      // A silent ledger proves nothing until the provider can no longer be at it; and the same request once more would
      // hold money for nobody.
      if (state.unwanted) return quiet ? [{ type: 'PaymentVoided' }] : [];
      return answer?.status === 'unknown' ? [] : outcomeOf(state, answer);
    case 'declined':
      return [
        { type: 'PaymentDeclined', reason: standing.reason },
        ...(state.unwanted ? [{ type: 'PaymentVoided' } as const] : []),
      ];
    case 'authorised': {
      const authorised = { type: 'PaymentAuthorised', ...heldBy(standing) } as const;
      return state.unwanted
        ? [authorised, ...letGo({ status: 'authorised', ...heldBy(standing) }, answer)]
        : [authorised];
    }
    case 'voided':
      // Let go already, by us before a crash or by the provider: nobody is told of money that is not held any more.
      return [{ type: 'PaymentVoided' }];
    case 'captured':
      throw contradiction('unknown', standing);
  }
}

function reconcileHeld(
  state: Held,
  open: 'capture' | 'void',
  { standing, answer }: Reconcile,
): readonly PaymentEvent[] {
  const done =
    open === 'capture'
      ? ({ type: 'PaymentCaptured', ...heldBy(state) } as const)
      : ({ type: 'PaymentVoided' } as const);
  if (standing.status === (open === 'capture' ? 'captured' : 'voided')) return [done];
  if (standing.status !== 'authorised') throw contradiction(`waiting for its ${open}`, standing);
  return answer?.status === 'unknown' ? [] : [done];
}

/** The ledger is the truth about money, but not one that may be adopted in silence: a person has to look. */
function contradiction(ours: string, { status }: Standing): DomainError {
  return new DomainError(
    'conflict',
    'ledger-contradicts',
    `The payment is ${ours} here and ${status} in the provider's ledger.`,
  );
}

function heldBy({ paymentId, amount, currency }: Held): Held {
  return { paymentId, amount, currency };
}
