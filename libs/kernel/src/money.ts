import { DomainError } from './domain-error.ts';

/** An amount in integer minor units (cents, where the currency has them: currencies.ts) of an ISO 4217 currency. */
export interface Money {
  readonly amount: number;
  readonly currency: string;
}

/**
 * The most that can be charged at once, in minor units: a thousand million of the currency, far within the safe
 * integers.
 */
export const largestAmount = 1_000_000_000_00;

/** The sum of prices times quantities. Throws `invalid` when currencies differ or the sum is beyond `largestAmount`. */
export function total(lines: Iterable<{ unitPrice: Money; quantity: number }>): Money {
  let sum: Money | undefined;
  for (const { unitPrice, quantity } of lines) {
    if (sum && sum.currency !== unitPrice.currency) {
      throw new DomainError(
        'invalid',
        'mixed-currencies',
        `An order is paid in one currency, not in ${sum.currency} and ${unitPrice.currency}.`,
      );
    }
    sum = { amount: (sum?.amount ?? 0) + unitPrice.amount * quantity, currency: unitPrice.currency };
    if (sum.amount > largestAmount)
      throw new DomainError('invalid', 'amount-too-large', 'The order is worth more than can be charged.');
  }
  if (!sum) throw new DomainError('invalid', 'no-lines', 'Nothing to add up.');
  return sum;
}
