/** What is known of a call before it is made. */
export interface CallTerms {
  /** Ends the call, wherever it is, when nobody waits any more. */
  readonly signal: AbortSignal;
  /** May it happen twice? Only then it is sent again after a failure that may have happened. */
  readonly repeatable: boolean;
}

/** How a call ended: with what it threw, or with an answer, which may say that it went wrong too. */
export type CallOutcome = { readonly error: unknown } | { readonly answer: unknown };

/**
 * How calls to one party outside this process are made: how many at a time, how often, and when not at all.
 * `ResilientCalls` is the product's way; the experiments of practices/ fill the same port with others.
 */
export abstract class CallPolicy {
  /**
   * Whether as many calls are under way as the other party can do: one more would have to wait for its turn, or be
   * refused.
   */
  get isFull(): boolean {
    return false;
  }

  /** Makes the call, or refuses to; what the call threw last is thrown. */
  abstract execute<T>(call: (signal: AbortSignal) => Promise<T>, terms: CallTerms): Promise<T>;
}

/** The call was not made, because of what became of others: the circuit is open, or too many wait already. */
export class NotCalled extends Error {
  override readonly name = 'NotCalled';

  constructor(readonly why: 'open' | 'full') {
    super(why === 'open' ? 'is left alone for a while, after too many failures' : 'has too many calls waiting already');
  }
}
