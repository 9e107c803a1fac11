import type {
  NewProduct,
  NewProduct2,
  ProductPatch,
  ProductPatch2,
  ProductRecord,
  ProductRecord2,
  ProductView,
  ProductView2,
} from '@shop/contracts';

/** How products are told in version 2: a price is money. */
export const productIn2 = ({ price: amount, currency, ...product }: ProductView): ProductView2 => ({
  ...product,
  price: { amount, currency },
});

export const recordIn2 = ({ price: amount, currency, ...product }: ProductRecord): ProductRecord2 => ({
  ...product,
  price: { amount, currency },
});

export const newProductFrom2 = ({ price: { amount: price, currency }, ...product }: NewProduct2): NewProduct => ({
  ...product,
  price,
  currency,
});

export const patchFrom2 = ({ price, ...patch }: ProductPatch2): ProductPatch => ({
  ...patch,
  ...(price && { price: price.amount }),
});
