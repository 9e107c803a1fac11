import { z } from 'zod';
import { id, instant } from './primitives.ts';

/**
 * What auth wants notifications to do: send a link to a mailbox, or let go the mails that waited for the mailbox to be
 * proven.
 */
export const mailRequestKind = z.enum(['verify-address', 'reset-password', 'address-verified', 'factor-added']);
export type MailRequestKind = z.infer<typeof mailRequestKind>;

/**
 * One request, handed over once per lease; whoever took it says when it is done. `link` opens something: it is never
 * logged or stored.
 */
export const mailRequest = z.object({
  id,
  kind: mailRequestKind,
  accountId: id,
  email: z.email(),
  link: z.url(),
  expiresAt: instant,
});
export type MailRequest = z.infer<typeof mailRequest>;

export const mailRequests = z.object({ items: z.array(mailRequest) });
export type MailRequests = z.infer<typeof mailRequests>;

/**
 * `kinds`: what whoever claims knows how to send. A release that says none knows those of the first one, so that a kind
 * that came later waits for one that knows it.
 */
export const claimMailRequests = z.object({
  limit: z.int().min(1).max(100),
  kinds: z.array(mailRequestKind).min(1).max(20).default(['verify-address', 'reset-password', 'address-verified']),
});
export type ClaimMailRequests = z.infer<typeof claimMailRequests>;
