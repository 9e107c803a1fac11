import { z } from 'zod';
import { id } from './primitives.ts';

/** What somebody wants to be called: one line, without control characters (Postgres has no NUL, mail headers no line break). */
const personName = z.string().trim().min(1).max(100).regex(/^[^\u0000-\u001f\u007f]*$/, 'One line of plain text.');

export const registerAccount = z
  .object({ email: z.email().max(254), password: z.string().min(12).max(128), name: personName })
  .meta({ id: 'RegisterAccount' });
export type RegisterAccount = z.infer<typeof registerAccount>;

/** What somebody may do beyond their own things: support reads every customer's orders, admin runs the shop. */
export const role = z.enum(['customer', 'support', 'admin']);
export type Role = z.infer<typeof role>;

export const accountView = z.object({ id, email: z.email(), name: z.string() }).meta({ id: 'Account' });
export type AccountView = z.infer<typeof accountView>;
