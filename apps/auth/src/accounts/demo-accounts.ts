import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import type { Role } from '@shop/contracts';
import { DomainError } from '@shop/kernel';
import { AuthConfig } from '../auth.config.ts';
import { Factors } from '../factors/factors.ts';
import { Accounts } from './accounts.ts';

/** The customer of the README, the story and the tests, and who serves her. */
const demoAccounts: readonly { email: string; password: string; name: string; roles: readonly Role[] }[] = [
  { email: 'demo@example.com', password: 'demo-password-1', name: 'Dana Demo', roles: ['customer'] },
  { email: 'support@example.com', password: 'demo-password-1', name: 'Sam Support', roles: ['customer', 'support'] },
  { email: 'admin@example.com', password: 'demo-password-1', name: 'Ada Admin', roles: ['customer', 'admin'] },
];

/**
 * Makes the demo accounts at start where SEED_DEMO says so; every further start, and every other instance, finds them
 * there.
 */
@Injectable()
export class DemoAccounts implements OnApplicationBootstrap {
  constructor(
    private readonly config: AuthConfig,
    private readonly accounts: Accounts,
    private readonly factors: Factors,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    if (!this.config.SEED_DEMO) return;
    for (const { roles, ...account } of demoAccounts) {
      if (!(await this.accounts.has(account.email)))
        await this.accounts.register(account, { roles, verified: true }).catch(unlessTaken);
    }
    const admin = await this.accounts.withAddress('admin@example.com');
    if (admin && this.config.DEMO_ADMIN_TOTP_SECRET !== undefined)
      await this.factors.seed(admin.id, this.config.DEMO_ADMIN_TOTP_SECRET);
  }
}

function unlessTaken(error: unknown): void {
  if (!(error instanceof DomainError && error.code === 'email-taken')) throw error;
}
