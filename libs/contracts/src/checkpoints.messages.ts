import { z } from 'zod';
import { id } from './api/primitives.ts';
import { message } from './message.ts';

/** Orders that one checkpoint names at most. */
export const ordersInCheckpoint = 1_000;

const said = {
  topic: 'orders.checkpoints',
  kind: 'note',
  data: z.object({
    /** Who has seen it. */
    consumer: z.string().min(1),
    /**
     * Whether everything that has come is through here, and none of it was old when it came: what is still missing then
     * will not come by itself.
     */
    current: z.boolean(),
    /** Which versions of which orders have come since the last checkpoint, whatever became of them. */
    seen: z.array(z.object({ orderId: id, versions: z.array(z.int().min(1)).min(1) })).max(ordersInCheckpoint),
    /** Events that its inbox has, by their ids: what one that was killed could not say any more. */
    ids: z.array(z.string().min(1)).max(ordersInCheckpoint).optional(),
  }),
} as const;

export const ordersCheckpoint = message({
  ...said,
  type: 'orders.checkpoint.v1',
  source: '/orders',
  summary: 'A consumer of orders has seen these events of orders.',
});
export const notificationsCheckpoint = message({
  ...said,
  type: 'notifications.checkpoint.v1',
  source: '/notifications',
  summary: 'A consumer of notifications has seen these events of orders.',
});
export type CheckpointContract = typeof ordersCheckpoint | typeof notificationsCheckpoint;
export type Checkpoint = z.infer<CheckpointContract['data']>;
