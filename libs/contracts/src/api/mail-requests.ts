import { z } from 'zod';
import { id, instant } from './primitives.ts';

/** What auth wants notifications to do: send a link to a mailbox, or let go the mails that waited for the mailbox to be proven. */
export const mailRequestKind = z.enum(['verify-address', 'reset-password', 'address-verified']);
export type MailRequestKind = z.infer<typeof mailRequestKind>;

/** One request, handed over once per lease; whoever took it says when it is done. `link` opens something: it is never logged or stored. */
export const mailRequest = z.object({ id, kind: mailRequestKind, accountId: id, email: z.email(), link: z.url(), expiresAt: instant });
export type MailRequest = z.infer<typeof mailRequest>;

export const mailRequests = z.object({ items: z.array(mailRequest) });
export type MailRequests = z.infer<typeof mailRequests>;

export const claimMailRequests = z.object({ limit: z.int().min(1).max(100) });
export type ClaimMailRequests = z.infer<typeof claimMailRequests>;
