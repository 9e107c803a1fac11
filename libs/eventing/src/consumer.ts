import type { CheckpointContract, CloudEvent, ConsumerName, MessageContract, MessageOf } from '@shop/contracts';
import type { Lost } from './bus.ts';
import type { Effect } from './effect.ts';

/**
 * A message that can never be handled, however often it is tried: it goes to the dead-letter topic with this reason.
 */
export class Poison extends Error {
  override readonly name = 'Poison';
}

/** What to do with one type of message. */
export interface Handler {
  readonly contract: MessageContract;
  handle(message: CloudEvent, effect: Effect): Promise<unknown>;
}

/** Binds a handler to a contract: the message is parsed by it first. */
export function on<C extends MessageContract>(
  contract: C,
  handle: (message: MessageOf<C>, effect: Effect) => Promise<unknown>,
): Handler {
  return { contract, handle: (message, effect) => handle(message as MessageOf<C>, effect) };
}

/**
 * One consumer group: what it reads is said in contracts (`consumers`), what it does here. A handler has its effect on
 * the database only through `effect`, which ties it to the inbox; what it does outside (a payment, a mail) comes first
 * and carries a key derived from the message, so that doing it again changes nothing.
 *
 * A handler that throws is tried again with backoff; then the key is parked, other keys flow on, and the runtime comes
 * back to it. A handler that throws Poison sends the message to the dead-letter topic at once.
 */
export abstract class Consumer {
  abstract readonly name: ConsumerName;
  abstract readonly handlers: readonly Handler[];
  /** How it tells the producer which events have come; absent where nobody asks. */
  readonly checkpoint?: CheckpointContract;

  /**
   * Whether effects of different keys may share a transaction, which costs less the more there is to do: where all that
   * a handler writes belongs to the key of its message, and it asks the database through its transaction only.
   * Otherwise instances could wait for each other's rows.
   */
  readonly sharesTransactions: boolean = false;

  /**
   * Messages were gone from the topic before they came here. For a consumer that keeps a copy: it says so, and asks for
   * the whole again. Called until it does not throw.
   */
  lost?(lost: Lost): Promise<void>;

  /**
   * For messages of types without a handler: a projection must still note that it has seen their version. By default
   * they are skipped.
   */
  otherwise?(message: CloudEvent, effect: Effect): Promise<unknown>;
}
