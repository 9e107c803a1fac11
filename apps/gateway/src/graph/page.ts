import { cursor, limit as pageSize } from '@shop/contracts';
import { validated } from './validated.ts';

/** Every list here is cut in the same way, and every list upstream too. */
export function page(limit: number, after: string | undefined | null): { limit: number; cursor?: string | undefined } {
  return { limit: validated(pageSize, 'limit', limit), cursor: validated(cursor, 'after', after ?? undefined) };
}
