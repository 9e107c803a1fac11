/**
 * What a client's code expects of one version of the API: it was written against its documents, and not against ours.
 */
export interface Dialect {
  readonly prefix: string;
  items(page: Body): Body[];
  /** The address of the next page. */
  next(page: Body, address: string): string | undefined;
  /** Amounts in cents, with their currency. */
  price(product: Body): Money;
  unitPrice(line: Body, order: Body): Money;
  total(order: Body): Money;
  newProduct(words: object, price: Money): object;
  newPrice(cents: number): object;
}

export type Money = readonly [cents: number, currency: string];
/** What came as JSON: its reader knows what is in it, or believes to. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Body = any;

/** Amounts are numbers, the currency stands beside them, a list has `items`. */
export const first: Dialect = {
  prefix: '/v1',
  items: ({ items }) => items,
  next: ({ nextCursor }, address) => nextCursor && `${address}&cursor=${encodeURIComponent(nextCursor)}`,
  price: ({ price, currency }) => [price, currency],
  unitPrice: ({ unitPrice }, { currency }) => [unitPrice, currency],
  total: ({ total, currency }) => [total, currency],
  newProduct: (words, [price, currency]) => ({ ...words, price, currency }),
  newPrice: (price) => ({ price }),
};

/** Amounts are money, a list has `data`, and a `page` that says where it goes on. */
export const second: Dialect = {
  prefix: '/v2',
  items: ({ data }) => data,
  next: ({ page }) => page.next,
  price: ({ price }) => [price.amount, price.currency],
  unitPrice: ({ unitPrice }) => [unitPrice.amount, unitPrice.currency],
  total: ({ total }) => [total.amount, total.currency],
  newProduct: (words, [amount, currency]) => ({ ...words, price: { amount, currency } }),
  newPrice: (amount) => ({ price: { amount } }),
};
