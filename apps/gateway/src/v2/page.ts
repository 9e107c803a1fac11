import type { FastifyReply } from 'fastify';
import { nextPage } from '../answer.ts';

interface Page<T> {
  readonly items: T[];
  readonly nextCursor?: string | undefined;
}

/** A page in the envelope of version 2: what is on it, and where the list goes on. */
export const pageIn2 =
  <T, U>(reply: FastifyReply, item: (one: T) => U) =>
  ({ items, nextCursor }: Page<T>): { data: U[]; page: { next?: string } } => ({
    data: items.map(item),
    page: nextCursor === undefined ? {} : { next: nextPage(reply, nextCursor) },
  });
