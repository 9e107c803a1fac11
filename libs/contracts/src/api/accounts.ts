import { z } from 'zod';
import { id, plainText } from './primitives.ts';

/** What somebody wants to be called: one line. */
const personName = plainText.trim().min(1).max(100);

export const registerAccount = z
  .object({ email: z.email().max(254), password: z.string().min(12).max(128), name: personName })
  .meta({ id: 'RegisterAccount' });
export type RegisterAccount = z.infer<typeof registerAccount>;

/** What somebody may do beyond their own things: support reads every customer's orders, admin runs the shop. */
export const role = z.enum(['customer', 'support', 'admin']);
export type Role = z.infer<typeof role>;

/** All the roles somebody is to have. */
export const changeRoles = z
  .object({ roles: z.array(role).min(1).max(role.options.length) })
  .meta({ id: 'ChangeRoles' });
export type ChangeRoles = z.infer<typeof changeRoles>;

/** What somebody may do, and how often that was changed. */
export const accountRoles = z.object({ roles: z.array(role), version: z.int().min(1) }).meta({ id: 'AccountRoles' });
export type AccountRoles = z.infer<typeof accountRoles>;

/**
 * What notifications may know of an account: nothing is mailed to an address that is not verified. An auth from before
 * told of no such thing.
 */
export const mailRecipient = z.object({ id, email: z.email(), name: z.string(), verified: z.boolean().default(true) });
export type MailRecipient = z.infer<typeof mailRecipient>;

/** Whether somebody is kept out; `version` counts with the roles. */
export const accountStanding = z
  .object({ disabled: z.boolean(), version: z.int().min(1) })
  .meta({ id: 'AccountStanding' });
export type AccountStanding = z.infer<typeof accountStanding>;

export const changeStanding = z.object({ disabled: z.boolean() }).meta({ id: 'ChangeStanding' });
export type ChangeStanding = z.infer<typeof changeStanding>;

export const accountView = z.object({ id, email: z.email(), name: z.string() }).meta({ id: 'Account' });
export type AccountView = z.infer<typeof accountView>;
