import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '@shop/platform';
import { Accounts } from '../accounts/accounts.ts';
import { Audit } from '../audit/audit.ts';
import { MailRequests, type LinkOwner } from './mail-requests.ts';

/** What the owner of a mailbox may do by a link that was sent there. */
@Injectable()
export class Mailboxes {
  constructor(
    private readonly database: Database,
    private readonly accounts: Accounts,
    private readonly requests: MailRequests,
    private readonly audit: Audit,
  ) {}

  /** Mails to the account may go from now on, those that waited first. Throws `conflict` `link-over`. */
  async verify(owner: LinkOwner, address: string): Promise<void> {
    await this.database.transaction((tx) => this.prove(tx, owner, address));
  }

  /**
   * Sets a password without the old one, and a name where a stranger may have chosen it; every sign-in ends. A second factor stays: a mailbox
   * alone does not get past it (ASVS 5.0 6.4.3). Throws `conflict`
   * `link-over`, `invalid` `weak-password` and `not-a-name`.
   */
  async reset(owner: LinkOwner, { password, name, address }: { password: string; name: string | undefined; address: string }): Promise<void> {
    await this.accounts.changePassword(owner.accountId, password, address, async (tx) => {
      await this.prove(tx, owner, address);
      if (name !== undefined) await this.accounts.rename(tx, owner.accountId, name);
      return true;
    });
  }

  private async prove(tx: Transaction, owner: LinkOwner, address: string): Promise<void> {
    await this.requests.use(tx, owner);
    const proven = await tx.query('UPDATE accounts SET verified_at = now() WHERE id = $1 AND verified_at IS NULL RETURNING 1', [owner.accountId]);
    if (proven.length === 0) return;
    await this.audit.note('address-verified', { account: owner.accountId, address }, tx);
    await this.requests.release(tx, owner.accountId);
  }
}
