import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fold, specFor } from '@shop/kernel';
import {
  isOpen,
  moneyMove,
  payment,
  type Answer,
  type Authorisation,
  type Payment,
  type PaymentCommand,
  type PaymentEvent,
  type Standing,
} from './payment.ts';

const { given } = specFor(payment);
const held = { paymentId: 'auth_1', amount: 1999, currency: 'EUR' };
const authorise = { type: 'AuthorisePayment', amount: 1999, currency: 'EUR', paymentToken: 'tok_4242' } as const;
const granted = { ...authorise, answer: { status: 'authorised', paymentId: 'auth_1' } } as const;
const refused = { ...authorise, answer: { status: 'declined', reason: 'card-declined' } } as const;
const authorised = { type: 'PaymentAuthorised', ...held } as const;
const declined = { type: 'PaymentDeclined', reason: 'card-declined' } as const;
const captured = { type: 'PaymentCaptured', ...held } as const;
const voided = { type: 'PaymentVoided' } as const;

/** What the provider was asked for and did not answer. */
const unanswered = { answer: { status: 'unknown' } } as const;
const request = { amount: 1999, currency: 'EUR', paymentToken: 'tok_4242' };
const unknown = { type: 'OutcomeUnknown', move: { type: 'authorise', ...request } } as const;
const unwanted = { type: 'PaymentUnwanted' } as const;
const open = (type: 'capture' | 'void') => ({ type: 'OutcomeUnknown', move: { type, paymentId: 'auth_1' } }) as const;
const ledger = (standing: Standing, more: { quiet?: boolean; answer?: Answer } = {}) =>
  ({ type: 'Reconcile', standing, quiet: false, ...more }) as const;
const none = { status: 'none' } as const;

describe('given an order nothing is known of', () => {
  it('holds the money when the provider grants it', () => given().when(granted).then(authorised));
  it('notes the refusal when the provider declines', () => given().when(refused).then(declined));
  it('refuses a capture', () => given().when({ type: 'CapturePayment' }).fails('nothing-to-capture'));
  it('remembers a void', () => given().when({ type: 'VoidPayment' }).then(voided));
});

describe('given money that is held', () => {
  it('takes it', () => given(authorised).when({ type: 'CapturePayment' }).then(captured));
  it('lets go of it', () => given(authorised).when({ type: 'VoidPayment' }).then(voided));
  it('is not held a second time', () => given(authorised).when(granted).then());
});

describe('given money that was taken', () => {
  it('is not taken again', () => given(authorised, captured).when({ type: 'CapturePayment' }).then());
  it('refuses a void', () => given(authorised, captured).when({ type: 'VoidPayment' }).fails('payment-captured'));
});

describe('given a declined card', () => {
  it('refuses a capture', () => given(declined).when({ type: 'CapturePayment' }).fails('nothing-to-capture'));
  it('accepts the void that follows from the cancellation', () =>
    given(declined).when({ type: 'VoidPayment' }).then(voided));
});

describe('given a void', () => {
  it('holds nothing for an authorisation that comes late', () => given(voided).when(granted).then());
  it('does not ask the provider for it either', () =>
    expect(moneyMove({ status: 'voided' }, authorise)).toBeUndefined());
  it('refuses a capture', () => given(authorised, voided).when({ type: 'CapturePayment' }).fails('nothing-to-capture'));
  it('is not repeated', () => given(authorised, voided).when({ type: 'VoidPayment' }).then());
});

describe('given an authorisation that was not answered', () => {
  const state = fold(payment, [unknown]);
  it('takes silence neither for a yes nor for a no', () =>
    given()
      .when({ ...authorise, ...unanswered })
      .then(unknown));
  it('believes the ledger that the money is held', () =>
    given(unknown)
      .when(ledger({ status: 'authorised', ...held }))
      .then(authorised));
  it('believes the ledger that the card was declined', () =>
    given(unknown)
      .when(ledger({ status: 'declined', reason: 'card-declined' }))
      .then(declined));
  it('asks again, for the same, where the ledger has nothing', () => {
    expect(moneyMove(state, ledger(none))).toEqual({ type: 'authorise', ...request });
    given(unknown)
      .when(ledger(none, { answer: granted.answer }))
      .then(authorised);
    given(unknown).when(ledger(none, unanswered)).then();
  });
  it('does not ask again because orders does', () => {
    expect(moneyMove(state, authorise)).toBeUndefined();
    given(unknown).when(authorise).then();
  });
  it('holds nothing for an order whose hold has been let go at the provider', () =>
    given(unknown)
      .when(ledger({ status: 'voided', ...held }))
      .then(voided));
  it('puts money that was taken without being asked for before a person', () =>
    given(unknown)
      .when(ledger({ status: 'captured', ...held }))
      .fails('ledger-contradicts'));
});

describe('given one that nobody wants any more', () => {
  const state = fold(payment, [unknown, unwanted]);
  it('notes so, once', () => {
    given(unknown).when({ type: 'VoidPayment' }).then(unwanted);
    given(unknown, unwanted).when({ type: 'VoidPayment' }).then();
  });
  it('lets go of what the ledger shows to be held', () => {
    expect(moneyMove(state, ledger({ status: 'authorised', ...held }))).toEqual({ type: 'void', paymentId: 'auth_1' });
    given(unknown, unwanted)
      .when(ledger({ status: 'authorised', ...held }, { answer: { status: 'voided' } }))
      .then(authorised, voided);
    given(unknown, unwanted)
      .when(ledger({ status: 'authorised', ...held }, unanswered))
      .then(authorised, open('void'));
  });
  it('asks for no money, and believes a silent ledger only when the provider is quiet', () => {
    expect(moneyMove(state, ledger(none))).toBeUndefined();
    given(unknown, unwanted).when(ledger(none)).then();
    given(unknown, unwanted)
      .when(ledger(none, { quiet: true }))
      .then(voided);
  });
  it('accepts that the card was declined', () =>
    given(unknown, unwanted)
      .when(ledger({ status: 'declined', reason: 'card-declined' }))
      .then(declined, voided));
});

describe.each([
  ['capture', 'CapturePayment', 'captured', captured],
  ['void', 'VoidPayment', 'voided', voided],
] as const)('given a %s that was not answered', (move, type, status, done) => {
  it('is not done until it is known to be', () =>
    given(authorised)
      .when({ type, ...unanswered })
      .then(open(move)));
  it('is done when the ledger says so', () =>
    given(authorised, open(move))
      .when(ledger({ status, ...held }))
      .then(done));
  it('is asked for again when the ledger says that it was not', () => {
    const state = fold(payment, [authorised, open(move)]);
    expect(moneyMove(state, ledger({ status: 'authorised', ...held }))).toEqual({ type: move, paymentId: 'auth_1' });
    given(authorised, open(move))
      .when(ledger({ status: 'authorised', ...held }, { answer: { status } }))
      .then(done);
    given(authorised, open(move))
      .when(ledger({ status: 'authorised', ...held }, unanswered))
      .then();
  });
  it('is not asked for a second time meanwhile', () => {
    expect(moneyMove(fold(payment, [authorised, open(move)]), { type })).toBeUndefined();
    given(authorised, open(move)).when({ type }).then();
  });
  it('is put before a person when the ledger says the opposite', () =>
    given(authorised, open(move))
      .when(ledger({ status: move === 'capture' ? 'voided' : 'captured', ...held }))
      .fails('ledger-contradicts'));
});

describe('whether an outcome is open', () => {
  it.each<[string, boolean, PaymentEvent[]]>([
    ['nothing', false, []],
    ['an authorisation without an answer', true, [unknown]],
    ['one that nobody wants any more', true, [unknown, unwanted]],
    ['money that is held', false, [unknown, authorised]],
    ['a void without an answer', true, [authorised, open('void')]],
    ['one that is known', false, [authorised, open('void'), voided]],
  ])('given %s: %s', (_what, expected, events) => expect(isOpen(fold(payment, events))).toBe(expected));
});

const answer: fc.Arbitrary<Authorisation> = fc.constantFrom(granted.answer, refused.answer);
const command: fc.Arbitrary<'AuthorisePayment' | 'CapturePayment' | 'VoidPayment'> = fc.constantFrom(
  'AuthorisePayment',
  'CapturePayment',
  'VoidPayment',
);

/** Runs commands as the shell does, and keeps what was asked of the provider. */
function run(commands: readonly ('AuthorisePayment' | 'CapturePayment' | 'VoidPayment')[], answer: Authorisation) {
  const events: PaymentEvent[] = [];
  const moves: string[] = [];
  let state: Payment = payment.initial;
  for (const type of commands) {
    const said: PaymentCommand = type === 'AuthorisePayment' ? { ...authorise, answer } : { type };
    const move = moneyMove(state, said);
    if (move) moves.push(move.type);
    try {
      const decided = payment.decide(state, said);
      events.push(...decided);
      state = fold(payment, decided, state);
    } catch {
      expect(move, `${type} is refused, so no money may move for it`).toBeUndefined();
    }
  }
  return { events, moves, state };
}

describe('whatever comes in whatever order, as often as it likes', () => {
  it('asks the provider for each move at most once, and never takes money that it lets go', () =>
    fc.assert(
      fc.property(fc.array(command, { maxLength: 12 }), answer, (commands, answer) => {
        const { moves } = run(commands, answer);
        expect(new Set(moves).size).toBe(moves.length);
        expect(moves.includes('capture') && moves.includes('void')).toBe(false);
        if (moves.length > 1) expect(moves[0]).toBe('authorise');
      }),
    ));

  it('moves money exactly when it announces that it did', () =>
    fc.assert(
      fc.property(fc.array(command, { maxLength: 12 }), answer, (commands, answer) => {
        const { moves, events } = run(commands, answer);
        const asked = (move: string) => moves.includes(move);
        const announced = (type: PaymentEvent['type']) => events.some((event) => event.type === type);
        expect(asked('authorise')).toBe(announced('PaymentAuthorised') || announced('PaymentDeclined'));
        expect(asked('capture')).toBe(announced('PaymentCaptured'));
        expect(asked('void')).toBe(announced('PaymentVoided') && announced('PaymentAuthorised'));
      }),
    ));

  it('announces nothing twice', () =>
    fc.assert(
      fc.property(fc.array(command, { maxLength: 12 }), answer, (commands, answer) => {
        const types = run(commands, answer).events.map((event) => event.type);
        expect(new Set(types).size).toBe(types.length);
      }),
    ));

  it('does not change when everything said is said again', () =>
    fc.assert(
      fc.property(fc.array(command, { maxLength: 8 }), answer, (commands, answer) => {
        const once = run(commands, answer);
        const doubled = run(
          commands.flatMap((one) => [one, one]),
          answer,
        );
        expect(doubled).toEqual(once);
      }),
    ));
});
