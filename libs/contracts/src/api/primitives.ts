import { largestAmount } from '@shop/kernel';
import { z } from 'zod';

/**
 * An opaque id; in fact a UUIDv7, on which no client may rely. A UUID is one value in any case (RFC 9562 §4): it is
 * brought to the form in which databases write it here, where it comes in, so that nobody behind compares, caches,
 * locks or counts by a caller's spelling.
 */
export const id = z.uuid().toLowerCase();
/** ISO 4217. */
export const currency = z.string().regex(/^[A-Z]{3}$/);
/** Integer minor units, never negative. */
export const amount = z.int().min(0).max(largestAmount);
/** How many of one product; a shop for people, not for wholesalers. */
export const quantity = z.int().min(1).max(1000);
/** ISO 8601 UTC. */
export const instant = z.iso.datetime();
/**
 * A whole number as a query string carries it; digits and nothing else, where `Number` would also take "", "1e3" and
 * "0x1f".
 */
export const inQuery = <S extends z.ZodType>(number: S) =>
  z.preprocess((text) => (typeof text === 'string' && /^\d{1,15}$/.test(text) ? Number(text) : text), number);
/** How many rows a page holds. */
export const limit = inQuery(z.int().min(1).max(100)).default(20);
/** Where the page before ended; opaque, and good for the same filter and sort only. */
export const cursor = z.string().max(400).optional();

/**
 * Text that Postgres keeps as it is: no control characters, which it or a mail header would choke on, and no half of a
 * surrogate pair. The pattern is one that every language reads, because clients find it in the document.
 */
export const plainText = z
  .string()
  .regex(/^[^\u0000-\u001f\u007f-\u009f]*$/, 'Plain text, without control characters.')
  .refine((text) => text.isWellFormed(), 'Plain text, without broken characters.');
