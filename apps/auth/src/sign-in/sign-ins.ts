import { Injectable } from '@nestjs/common';
import { DomainError } from '@shop/kernel';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Accounts, type Login } from '../accounts/accounts.ts';
import { Passwords } from '../accounts/passwords.ts';
import { Audit } from '../audit/audit.ts';
import { AuthConfig } from '../auth.config.ts';
import { cookieOf, setCookie } from './cookies.ts';
import { GuessLimits, TooManyGuesses, type Known } from './guess-limits.ts';

const deviceCookie = 'shop_device';
const halfYear = 180 * 24 * 60 * 60;

/** Whoever wants something for an email address and a password: bounded, remembered, and written down. */
@Injectable()
export class SignIns {
  constructor(
    private readonly accounts: Accounts,
    private readonly passwords: Passwords,
    private readonly limits: GuessLimits,
    private readonly audit: Audit,
    private readonly config: AuthConfig,
  ) {}

  /**
   * Whose these are; undefined when they do not belong together. Throws TooManyGuesses. Whoever has a second factor has
   * not signed in by this alone. Throws `unavailable` `sign-in-busy` when too many are at it.
   */
  check(
    email: string,
    password: string,
    at: { request: FastifyRequest; client?: string | undefined },
  ): Promise<Login | undefined> {
    return this.passwords.attempt(() => this.login(email, password, at));
  }

  private async login(
    email: string,
    password: string,
    { request, client }: { request: FastifyRequest; client?: string | undefined },
  ): Promise<Login | undefined> {
    const around = { client, address: request.ip };
    const account = await this.accounts.withAddress(email);
    const device = this.limits.deviceOf(cookieOf(request, deviceCookie, this.secure), account, email);
    const right = await this.limits
      .take({ kind: 'password', of: email, address: request.ip, device })
      .catch(async (error: unknown) => {
        if (error instanceof TooManyGuesses)
          await this.audit.note('sign-in-refused', {
            ...around,
            account: account?.id,
            details: { device: device !== undefined },
          });
        throw error;
      });
    if (!(await this.accounts.hasPassword(account, password)) || !account) {
      await this.audit.note('sign-in-failed', {
        ...around,
        account: account?.id,
        details: { device: device !== undefined },
      });
      return undefined;
    }
    await right();
    if (account.disabled) {
      await this.audit.note('sign-in-refused', { ...around, account: account.id, details: { disabled: true } });
      throw new DomainError(
        'forbidden',
        'account-disabled',
        'This account is disabled. Write to the shop if you do not know why.',
      );
    }
    await this.audit.note('signed-in', { ...around, account: account.id });
    return account;
  }

  /**
   * From now on, and under this version of its credentials, this browser is known as one that has signed in to the
   * account: with every factor that it has.
   */
  remember(known: Known, reply: FastifyReply): void {
    setCookie(reply, deviceCookie, this.limits.deviceCookie(known), {
      path: '/oidc',
      maxAge: halfYear,
      secure: this.secure,
    });
  }

  private get secure(): boolean {
    return this.config.ISSUER.startsWith('https:');
  }
}
