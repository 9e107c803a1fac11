import { z } from 'zod';
import { cursor, id, instant, limit } from './primitives.ts';

export const messageKind = z.enum(['order-confirmed', 'order-cancelled']);
export type MessageKind = z.infer<typeof messageKind>;

/** One message to a customer: what it is about, and how far its delivery is. */
export const messageView = z
  .object({
    id,
    kind: messageKind,
    channel: z.enum(['mail']),
    orderId: id,
    /** failed: given up, after many attempts or for good reason. */
    status: z.enum(['queued', 'sent', 'failed']),
    createdAt: instant,
    sentAt: instant.optional(),
  })
  .meta({ id: 'Message' });
export type MessageView = z.infer<typeof messageView>;

export const messageQuery = z.object({ limit, cursor });
export type MessageQuery = z.infer<typeof messageQuery>;

/** Newest first. */
export const messagePage = z
  .object({ items: z.array(messageView), nextCursor: z.string().optional() })
  .meta({ id: 'MessagePage' });
export type MessagePage = z.infer<typeof messagePage>;
