import { z } from 'zod';
import { id } from './primitives.ts';

export const registerAccount = z
  .object({ email: z.email().max(254), password: z.string().min(12).max(128), name: z.string().trim().min(1).max(100) })
  .meta({ id: 'RegisterAccount' });
export type RegisterAccount = z.infer<typeof registerAccount>;

export const accountView = z.object({ id, email: z.email(), name: z.string() }).meta({ id: 'Account' });
export type AccountView = z.infer<typeof accountView>;
