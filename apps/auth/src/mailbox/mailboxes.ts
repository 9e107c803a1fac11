import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '@shop/platform';
import { Accounts } from '../accounts/accounts.ts';
import { Audit } from '../audit/audit.ts';
import { Factors } from '../factors/factors.ts';
import { factorLinkSeconds, MailRequests, type LinkOwner } from './mail-requests.ts';

/** What the owner of a mailbox may do by a link that was sent there. */
@Injectable()
export class Mailboxes {
  constructor(
    private readonly database: Database,
    private readonly accounts: Accounts,
    private readonly requests: MailRequests,
    private readonly factors: Factors,
    private readonly audit: Audit,
  ) {}

  /** Mails to the account may go from now on, those that waited first. Throws `conflict` `link-over`. */
  async verify(owner: LinkOwner, address: string): Promise<void> {
    await this.database.transaction((tx) => this.prove(tx, owner, address));
  }

  /**
   * Sets a password without the old one, and a name where a stranger may have chosen it; every sign-in ends. A second
   * factor stays: a mailbox alone does not get past it (ASVS 5.0 6.4.3); but one of the last days goes with
   * `removeRecent`, because a thief of the password may have added it. Throws `conflict` `link-over`, `invalid`
   * `weak-password` and `not-a-name`.
   */
  async reset(
    owner: LinkOwner,
    {
      password,
      name,
      address,
      removeRecent,
    }: { password: string; name: string | undefined; address: string; removeRecent: boolean },
  ): Promise<void> {
    const recent = removeRecent ? await this.factors.recent(owner.accountId, factorLinkSeconds) : [];
    await this.accounts.changePassword(owner.accountId, password, address, async (tx) => {
      await this.prove(tx, owner, address);
      if (name !== undefined) await this.accounts.rename(tx, owner.accountId, name);
      if (recent.length > 0) await this.factors.takeAway(tx, owner.accountId, recent, { by: 'mailbox', address });
      return true;
    });
  }

  /**
   * Takes the factor away that a mail told of, sets another password, because somebody knew the old one, and ends every
   * sign-in. Throws as `reset` does.
   */
  async refuseFactor(owner: LinkOwner, { password, address }: { password: string; address: string }): Promise<void> {
    await this.accounts.changePassword(owner.accountId, password, address, async (tx) => {
      await this.prove(tx, owner, address);
      await this.factors.takeAway(tx, owner.accountId, owner.factor === null ? [] : [owner.factor], {
        by: 'mailbox',
        address,
      });
      return true;
    });
  }

  private async prove(tx: Transaction, owner: LinkOwner, address: string): Promise<void> {
    await this.requests.use(tx, owner);
    const proven = await tx.query(
      'UPDATE accounts SET verified_at = now() WHERE id = $1 AND verified_at IS NULL RETURNING 1',
      [owner.accountId],
    );
    if (proven.length === 0) return;
    await this.audit.note('address-verified', { account: owner.accountId, address }, tx);
    await this.requests.release(tx, owner.accountId);
  }
}
