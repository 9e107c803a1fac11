import type { z } from 'zod';
import { messageView } from '../messages.ts';
import { pageOf } from './money.ts';

export const messagePage2 = pageOf('MessagePageV2', messageView);
export type MessagePage2 = z.infer<typeof messagePage2>;
