import { Injectable } from '@nestjs/common';
import type { AccountView, RegisterAccount } from '@shop/contracts';
import { Audit } from '../audit/audit.ts';
import { MailRequests } from '../mailbox/mail-requests.ts';
import { Accounts } from './accounts.ts';

/** How somebody becomes a customer, by page or by API. */
@Injectable()
export class Registrations {
  constructor(
    private readonly accounts: Accounts,
    private readonly requests: MailRequests,
    private readonly audit: Audit,
  ) {}

  /**
   * A new account whose owner may sign in and order at once; the mailbox hears nothing but a link to confirm it, until
   * that was followed. A crash before the link is queued costs nothing: the next sign-in asks for it again. Throws as
   * Accounts.register does.
   */
  async register(wanted: RegisterAccount, around: { client?: string; address: string }): Promise<AccountView> {
    const account = await this.accounts.register(wanted);
    await this.audit.note('registered', { account: account.id, ...around });
    await this.requests.request('verify-address', account.email);
    return account;
  }
}
