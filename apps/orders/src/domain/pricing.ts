/** How an order is priced: at list prices, or cheaper by the piece where many of one product are bought. */
export type Pricing = 'list' | 'volume-discount';

/** What a rule took off list prices, in minor units of the order's currency. */
export interface Discount {
  readonly rule: Exclude<Pricing, 'list'>;
  readonly amount: number;
}

interface Bought {
  /** The list price of one, in minor units. */
  readonly price: number;
  readonly quantity: number;
}

const FROM_QUANTITY = 10;
const PERCENT_OFF = 5;

/** Whether any rule beyond list prices would change what these lines cost. */
export const mayBeDiscounted = (lines: readonly Pick<Bought, 'quantity'>[]): boolean =>
  lines.some(({ quantity }) => quantity >= FROM_QUANTITY);

/** What one piece costs, in whole minor units; rounded half up, so that nothing becomes free. */
export function unitPrice(pricing: Pricing, { price, quantity }: Bought): number {
  if (pricing === 'list' || quantity < FROM_QUANTITY) return price;
  return Math.round((price * (100 - PERCENT_OFF)) / 100);
}

/** What the rule takes off these lines; nothing where it changes none. */
export function discountOf(pricing: Pricing, lines: readonly Bought[]): Discount | undefined {
  if (pricing === 'list') return undefined;
  const amount = lines.reduce((sum, line) => sum + (line.price - unitPrice(pricing, line)) * line.quantity, 0);
  return amount > 0 ? { rule: pricing, amount } : undefined;
}
