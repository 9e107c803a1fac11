import type { Money } from '@shop/kernel';
import type { Authorisation, Standing } from './domain/payment.ts';

/** Some rows of the provider's ledger. */
export interface LedgerPage {
  readonly entries: readonly LedgerEntry[];
  /**
   * The number of its last row, which grows from row to row, also where that is no order's; absent: there is none yet.
   */
  readonly last?: number;
}

/** What became of an order's money. */
export interface LedgerEntry {
  readonly orderId: string;
  readonly status: Exclude<Standing['status'], 'none'>;
}

/**
 * The party that holds, takes and returns money. Every call may be repeated for the same order: it moves money once and
 * answers the same. No answer (an error of kind `unavailable`) says nothing about whether it was carried out, or still
 * will be: ask the ledger.
 */
export abstract class PaymentProvider {
  /** Holds an amount on the card behind a token. */
  abstract authorise(orderId: string, request: Money & { paymentToken: string }): Promise<Authorisation>;
  /** Takes what is held. Throws `conflict` where nothing is. */
  abstract capture(orderId: string, paymentId: string): Promise<void>;
  /** Lets go of what is held. Throws `conflict` where nothing is. */
  abstract void(orderId: string, paymentId: string): Promise<void>;
  /** What the provider's ledger says about an order. `none`: nothing was carried out so far. */
  abstract standing(orderId: string): Promise<Standing>;
  /** The next rows of its ledger behind the one with this number, oldest first. */
  abstract ledger(after: number): Promise<LedgerPage>;
}
