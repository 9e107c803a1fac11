import { z } from 'zod';
import { amount, currency, cursor, id, inQuery, limit, plainText } from './primitives.ts';

/** The shop's own number of a product, for life. */
export const sku = z.string().regex(/^[A-Z0-9](?:[A-Z0-9-]{0,62}[A-Z0-9])?$/);
/** One line; bounded in bytes, because a page cursor carries it. */
export const productName = plainText
  .min(1)
  .max(120)
  .refine((name) => Buffer.byteLength(name) <= 120, 'At most 120 bytes of UTF-8.')
  .refine((name) => name.trim() === name, 'Without space at its ends.');
/**
 * Of one product, in integer minor units: small enough that no order of a thousand of it goes beyond what can be
 * charged.
 */
export const price = z.int().min(0).max(1_000_000_00);

export const productView = z
  .object({
    id,
    sku: z.string(),
    name: z.string(),
    description: z.string(),
    price: amount,
    currency,
    available: z.int().min(0),
  })
  .meta({ id: 'Product' });
export type ProductView = z.infer<typeof productView>;

/**
 * The products that are asked for, and in which order: whatever is not named here cannot be asked for. `-` puts the
 * largest first.
 */
export const productQuery = z.object({
  limit,
  cursor,
  sort: z.enum(['name', '-name', 'price', '-price']).default('name'),
  /** What their names begin with, exactly as it is written. */
  'filter[name]': plainText.min(1).max(120).optional(),
  'filter[sku]': sku.optional(),
  'filter[price][gte]': inQuery(price).optional(),
  'filter[price][lte]': inQuery(price).optional(),
  /** Whether there is any of it to be had. */
  'filter[inStock]': z.enum(['true', 'false']).optional(),
});
export type ProductQuery = z.infer<typeof productQuery>;

export const productPage = z
  .object({ items: z.array(productView), nextCursor: z.string().optional() })
  .meta({ id: 'ProductPage' });
export type ProductPage = z.infer<typeof productPage>;

export const newProduct = z
  .object({
    sku,
    name: productName,
    description: plainText.max(2_000),
    price,
    currency,
    /** How many there are to begin with. */
    stock: z.int().min(0).max(1_000_000),
  })
  .meta({ id: 'NewProduct' });
export type NewProduct = z.infer<typeof newProduct>;

/**
 * A JSON Merge Patch (RFC 7396): what is named is changed. None of it can be removed, so `null` is refused. `active:
 * false` takes it off sale.
 */
export const productPatch = z
  .object({ name: productName, description: plainText.max(2_000), price, active: z.boolean() })
  .partial()
  .meta({ id: 'ProductPatch' });
export type ProductPatch = z.infer<typeof productPatch>;

/** A delivery: so many more of a product. */
export const restock = z.object({ quantity: z.int().min(1).max(1_000_000) }).meta({ id: 'Restock' });
export type Restock = z.infer<typeof restock>;

const count = z.int().min(0);

/**
 * A product as those see it who run the shop, on sale or not: `free`, `reserved` and `sold` always add up to `initial`.
 */
export const productRecord = productView
  .omit({ available: true })
  .extend({
    active: z.boolean(),
    /** Counts the changes; stock moves without it. */
    version: z.int().min(1),
    stock: z.object({ initial: count, free: count, reserved: count, sold: count }),
  })
  .meta({ id: 'ProductRecord' });
export type ProductRecord = z.infer<typeof productRecord>;
