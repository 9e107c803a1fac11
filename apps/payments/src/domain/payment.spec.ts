import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fold, specFor } from '@shop/kernel';
import { moneyMove, payment, type Authorisation, type Payment, type PaymentCommand, type PaymentEvent } from './payment.ts';

const { given } = specFor(payment);
const held = { paymentId: 'auth_1', amount: 1999, currency: 'EUR' };
const authorise = { type: 'AuthorisePayment', amount: 1999, currency: 'EUR', paymentToken: 'tok_4242' } as const;
const granted = { ...authorise, answer: { status: 'authorised', paymentId: 'auth_1' } } as const;
const refused = { ...authorise, answer: { status: 'declined', reason: 'card-declined' } } as const;
const authorised = { type: 'PaymentAuthorised', ...held } as const;
const declined = { type: 'PaymentDeclined', reason: 'card-declined' } as const;
const captured = { type: 'PaymentCaptured', ...held } as const;
const voided = { type: 'PaymentVoided' } as const;

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
  it('accepts the void that follows from the cancellation', () => given(declined).when({ type: 'VoidPayment' }).then(voided));
});

describe('given a void', () => {
  it('holds nothing for an authorisation that comes late', () => given(voided).when(granted).then());
  it('does not ask the provider for it either', () => expect(moneyMove({ status: 'voided' }, authorise)).toBeUndefined());
  it('refuses a capture', () => given(authorised, voided).when({ type: 'CapturePayment' }).fails('nothing-to-capture'));
  it('is not repeated', () => given(authorised, voided).when({ type: 'VoidPayment' }).then());
});

const answer: fc.Arbitrary<Authorisation> = fc.constantFrom(granted.answer, refused.answer);
const command: fc.Arbitrary<'AuthorisePayment' | 'CapturePayment' | 'VoidPayment'> = fc.constantFrom('AuthorisePayment', 'CapturePayment', 'VoidPayment');

/** Runs commands as the shell does, and keeps what was asked of the provider. */
function run(commands: readonly PaymentCommand['type'][], answer: Authorisation) {
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
        const doubled = run(commands.flatMap((one) => [one, one]), answer);
        expect(doubled).toEqual(once);
      }),
    ));
});
