import { z } from 'zod';
import { currency } from '../primitives.ts';
import { newProduct, price, productPatch, productRecord, productView } from '../products.ts';
import { money, pageOf } from './money.ts';

const priced = { price: money };

export const productView2 = productView.omit({ currency: true }).extend(priced).meta({ id: 'ProductV2' });
export type ProductView2 = z.infer<typeof productView2>;

export const productPage2 = pageOf('ProductPageV2', productView2);
export type ProductPage2 = z.infer<typeof productPage2>;

export const newProduct2 = newProduct
  .omit({ currency: true })
  .extend({ price: z.object({ amount: price, currency }) })
  .meta({ id: 'NewProductV2' });
export type NewProduct2 = z.infer<typeof newProduct2>;

/** A product keeps its currency: the patch of a price names the amount. */
export const productPatch2 = productPatch
  .extend({ price: z.object({ amount: price }).optional() })
  .meta({ id: 'ProductPatchV2' });
export type ProductPatch2 = z.infer<typeof productPatch2>;

export const productRecord2 = productRecord.omit({ currency: true }).extend(priced).meta({ id: 'ProductRecordV2' });
export type ProductRecord2 = z.infer<typeof productRecord2>;
