import { randomUUIDv7 } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { PrismaPg } from '@prisma/adapter-pg';
import {
  registerAccount,
  type AccountRoles,
  type AccountStanding,
  type AccountView,
  type MailRecipient,
  type RegisterAccount,
  type Role,
} from '@shop/contracts';
import { DomainError } from '@shop/kernel';
import { Database, failsLikeDatabase, PreconditionFailed, type Transaction } from '@shop/platform';
import { Audit } from '../audit/audit.ts';
import { PrismaClient } from '../generated/prisma/client.ts';
import { endSignIns, stillStands } from '../oidc/end-sign-ins.ts';
import { isName } from './names.ts';
import { Passwords } from './passwords.ts';
import { weaknessOf, type PasswordOwner } from './weak-passwords.ts';

/** Who somebody is to the rest of the shop. */
export interface Identity {
  readonly id: string;
  readonly roles: readonly string[];
  /** What a sign-in proves: with another version it has ended (oidc/end-sign-ins.ts). */
  readonly credentialsVersion: number;
}

/** An account as it is found by its address, with what a password is compared to. */
export interface Login extends Identity {
  /** An admin keeps them out. */
  readonly disabled: boolean;
  readonly passwordHash: string;
  /** Whether the owner of the mailbox has said that the account is theirs. */
  readonly verified: boolean;
}

/** The people who may sign in: plain CRUD on purpose, there is no rule here that deserves a domain. */
@Injectable()
export class Accounts {
  private readonly prisma: ReturnType<typeof openPrisma>;

  constructor(
    private readonly database: Database,
    private readonly passwords: Passwords,
    private readonly audit: Audit,
  ) {
    this.prisma = openPrisma(database);
  }

  /**
   * A new customer. Throws `conflict` `email-taken`, which tells the asker that the address is known. Hiding that takes
   * a mail before the account exists ("you already have one"), and would leave a stranger's first minute waiting for a
   * mailbox; so it is said openly here, and signing in itself tells nothing. The password is hashed first in any case,
   * so the answer takes the same time either way. Throws `invalid` `weak-password` and `not-a-name`, too.
   */
  async register(
    { email, name, password }: RegisterAccount,
    { roles = ['customer'], verified = false }: { roles?: readonly Role[]; verified?: boolean } = {},
  ): Promise<AccountView> {
    const account = { id: randomUUIDv7(), email: email.toLowerCase(), name };
    refuseNonName(name);
    refuseWeak(password, account);
    const passwordHash = await this.passwords.hash(password);
    const { count } = await this.prisma.account.createMany({
      data: { ...account, passwordHash, roles: [...roles], ...(verified && { verifiedAt: new Date() }) },
      skipDuplicates: true,
    });
    if (count === 0)
      throw new DomainError(
        'conflict',
        'email-taken',
        'There is an account with this email address already. Sign in instead.',
      );
    return account;
  }

  /** Whose address this is; undefined for whatever else was typed. */
  async withAddress(email: string): Promise<Login | undefined> {
    const address = registerAccount.shape.email.safeParse(email.trim());
    if (!address.success) return undefined;
    const select = {
      id: true,
      roles: true,
      credentialsVersion: true,
      passwordHash: true,
      verifiedAt: true,
      disabledAt: true,
    };
    const found = await this.prisma.account.findUnique({ where: { email: address.data.toLowerCase() }, select });
    return found ? { ...found, verified: found.verifiedAt !== null, disabled: found.disabledAt !== null } : undefined;
  }

  /** Whether it is the account's password; no, after the same time, where there is no account. */
  hasPassword(login: Login | undefined, password: string): Promise<boolean> {
    return this.passwords.matches(login?.passwordHash, password);
  }

  /** What a token may say about a subject; undefined when there is none of that id, or an admin keeps them out. */
  async identity(id: string): Promise<Identity | undefined> {
    return (
      (await this.prisma.account.findUnique({
        where: { id, disabledAt: null },
        select: { id: true, roles: true, credentialsVersion: true },
      })) ?? undefined
    );
  }

  /** Name and address, and whether anything may be mailed there. Throws `not-found`. */
  async recipient(id: string): Promise<MailRecipient> {
    const account = await this.prisma.account.findUnique({
      where: { id },
      select: { id: true, email: true, name: true, verifiedAt: true },
    });
    return account
      ? { id, email: account.email, name: account.name, verified: account.verifiedAt !== null }
      : notFound();
  }

  /**
   * Sets another password and ends everything that was signed in with the old one; answers the credentials' new
   * version. `proof` is part of the transaction: where it throws or does not hold, nothing is changed, and for the
   * latter the answer is undefined. Throws `invalid` `weak-password`.
   */
  async changePassword(
    id: string,
    password: string,
    address: string,
    proof: (tx: Transaction) => Promise<boolean>,
  ): Promise<number | undefined> {
    refuseWeak(password, await this.recipient(id));
    const hash = await this.passwords.hash(password);
    return this.database.transaction(async (tx) => {
      if (!(await proof(tx))) return undefined;
      await tx.query('UPDATE accounts SET password_hash = $2 WHERE id = $1', [id, hash]);
      const version = await endSignIns(tx, id);
      await this.audit.note('password-changed', { account: id, address }, tx);
      return version;
    });
  }

  /** Calls somebody by another name. Throws `invalid` `not-a-name`. */
  async rename(tx: Transaction, id: string, name: string): Promise<void> {
    refuseNonName(name);
    await tx.query('UPDATE accounts SET name = $2 WHERE id = $1', [id, name]);
  }

  /** What somebody may do. Throws `not-found`. */
  async roles(id: string): Promise<AccountRoles> {
    const [found] = await this.database.query<AccountRoles>('SELECT roles, version FROM accounts WHERE id = $1', [id]);
    return found ?? notFound();
  }

  /**
   * Gives somebody these roles and no other; `ifVersions` is the caller's If-Match. From the next token on, at most
   * five minutes later, they hold.
   */
  async changeRoles(
    id: string,
    roles: readonly Role[],
    { ifVersions, by }: { ifVersions: readonly number[] | undefined; by: string },
  ): Promise<AccountRoles> {
    if (id === by && !roles.includes('admin'))
      throw new DomainError(
        'conflict',
        'own-role',
        'Nobody takes the role of an admin from themselves: another admin can.',
      );
    return this.database.transaction(async (tx) => {
      const [before] = await tx.query<AccountRoles>('SELECT roles, version FROM accounts WHERE id = $1 FOR UPDATE', [
        id,
      ]);
      if (!before) return notFound();
      if (ifVersions?.includes(before.version) === false) throw new PreconditionFailed();
      const wanted = [...new Set(roles)].sort();
      if (wanted.join() === [...before.roles].sort().join()) return before;
      await tx.query('UPDATE accounts SET roles = $2, version = version + 1 WHERE id = $1', [id, wanted]);
      await this.audit.note('roles-changed', { account: id, details: { by, from: before.roles, to: wanted } }, tx);
      return { roles: wanted, version: before.version + 1 };
    });
  }

  /** Whether somebody is kept out. Throws `not-found`. */
  async standing(id: string): Promise<AccountStanding> {
    const [found] = await this.database.query<AccountStanding>(
      'SELECT disabled_at IS NOT NULL AS disabled, version FROM accounts WHERE id = $1',
      [id],
    );
    return found ?? notFound();
  }

  /**
   * Keeps somebody out, or lets them in again; `ifVersions` is the caller's If-Match. Out means at once: all they are
   * signed in to ends.
   */
  async changeStanding(
    id: string,
    disabled: boolean,
    { ifVersions, by }: { ifVersions: readonly number[] | undefined; by: string },
  ): Promise<AccountStanding> {
    if (id === by)
      throw new DomainError('conflict', 'own-standing', 'Nobody disables the account that they are signed in with.');
    return this.database.transaction(async (tx) => {
      const [before] = await tx.query<AccountStanding>(
        'SELECT disabled_at IS NOT NULL AS disabled, version FROM accounts WHERE id = $1 FOR UPDATE',
        [id],
      );
      if (!before) return notFound();
      if (ifVersions?.includes(before.version) === false) throw new PreconditionFailed();
      if (before.disabled === disabled) return before;
      await tx.query(
        'UPDATE accounts SET disabled_at = CASE WHEN $2::boolean THEN now() END, version = version + 1 WHERE id = $1',
        [id, disabled],
      );
      if (disabled) await endSignIns(tx, id);
      await this.audit.note(disabled ? 'account-disabled' : 'account-enabled', { account: id, details: { by } }, tx);
      return { disabled, version: before.version + 1 };
    });
  }

  /**
   * Deletes what is known of somebody and ends all they are signed in to. Other services keep an id that leads nowhere.
   * False where another password was set meanwhile.
   */
  async remove({ id, credentialsVersion }: Identity, address: string): Promise<boolean> {
    return this.database.transaction(async (tx) => {
      if (!(await stillStands(tx, { id, credentialsVersion }))) return false;
      await endSignIns(tx, id);
      await tx.query('DELETE FROM accounts WHERE id = $1', [id]);
      await this.audit.note('account-deleted', { account: id, address }, tx);
      return true;
    });
  }

  async has(email: string): Promise<boolean> {
    return (await this.prisma.account.count({ where: { email } })) > 0;
  }
}

function refuseNonName(name: string): void {
  const detail = 'Up to six words of letters, in 60 characters at most.';
  if (!isName(name))
    throw new DomainError('invalid', 'not-a-name', 'This cannot be a name.', [{ pointer: '/name', detail }]);
}

function refuseWeak(password: string, owner: PasswordOwner): void {
  const detail = weaknessOf(password, owner);
  if (detail !== undefined)
    throw new DomainError('invalid', 'weak-password', 'This password is among those that are guessed first.', [
      { pointer: '/password', detail },
    ]);
}

function notFound(): never {
  throw new DomainError('not-found', 'account-not-found', 'There is no such account.');
}

/**
 * On the platform's pool, for its bounds and time-outs: one of Prisma's own would wait for a connection for ever.
 * Errors are minimal, because the others quote their arguments, and those are people's addresses.
 */
const openPrisma = ({ pool }: Database) =>
  new PrismaClient({ adapter: new PrismaPg(pool), errorFormat: 'minimal' }).$extends(failsLikeDatabase);
