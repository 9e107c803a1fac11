import type { Patch } from './patches.ts';

/** Accounts made wrong: what is asked of mailboxes and factors, and what ends when. */
export const accountPatches: readonly Patch[] = [
  {
    name: 'a code of the second factor is taken twice',
    invariant: 'security',
    file: 'apps/auth/src/factors/factors.ts',
    caughtBy: 'apps/auth/src/factors/factors.int.spec.ts',
    find: 'WHERE account = $1 AND last_step < $2 RETURNING 1',
    replace: 'WHERE account = $1 AND last_step < $2 + 999 RETURNING 1',
  },
  {
    name: 'codes of the second factor are guessed without a limit',
    invariant: 'security',
    file: 'apps/auth/src/factors/factors.ts',
    caughtBy: 'apps/auth/src/factors/factors.int.spec.ts',
    find: "const right = await this.limits.take({ kind: 'second factor', of: account, address, device: undefined });",
    replace: 'const right = async () => undefined;',
  },
  {
    name: 'a disabled account goes on refreshing its tokens',
    invariant: 'security',
    file: 'apps/auth/src/accounts/accounts.ts',
    caughtBy: 'apps/auth/src/account-page/account.int.spec.ts',
    find: 'if (disabled) await endSignIns(tx, id);',
    replace: "if (disabled) await tx.query('UPDATE accounts SET disabled_at = NULL WHERE id = $1', [id]);",
  },
  {
    name: 'a person ends the sign-in of another',
    invariant: 'security',
    file: 'apps/auth/src/account-page/sign-ins-of.ts',
    caughtBy: 'apps/auth/src/account-page/account.int.spec.ts',
    find: 'if (!(await this.list(account)).some((one) => one.session === session)) return;',
    replace: '',
  },
  {
    name: 'mail goes to an address that nobody has proven',
    invariant: 'security',
    file: 'apps/notifications/src/delivery/auth-addresses.ts',
    caughtBy: 'apps/notifications/src/delivery/auth-addresses.int.spec.ts',
    find: 'if (!verified) throw new Unverified();',
    replace: '',
  },
  {
    name: 'a link in a mail works more than once',
    invariant: 'security',
    file: 'apps/auth/src/mailbox/mail-requests.ts',
    caughtBy: 'apps/auth/src/mailbox.int.spec.ts',
    find: 'if (used.length === 0) linkOver();',
    replace: '',
  },
  {
    name: 'who follows a link confirms the account of a stranger',
    invariant: 'security',
    file: 'apps/auth/src/mailbox/mailbox.controller.ts',
    caughtBy: 'apps/auth/src/mailbox.int.spec.ts',
    find: 'if (identity?.id !== owner.accountId) return refused(',
    replace: 'if (Date.now() === 0) return refused(',
  },
  {
    name: 'a common password with digits behind it is taken',
    invariant: 'security',
    file: 'apps/auth/src/accounts/weak-passwords.ts',
    caughtBy: 'apps/auth/src/accounts/weak-passwords.spec.ts',
    find: 'common.has(text) || common.has(coreOf(text))',
    replace: 'common.has(text)',
  },
];
