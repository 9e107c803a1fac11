import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { DomainError } from '@shop/kernel';
import { AuthConfig } from '../auth.config.ts';
import { Accounts } from './accounts.ts';

/** The customer of the README, the story and the tests. */
export const demoCustomer = { email: 'demo@example.com', password: 'demo-password-1', name: 'Dana Demo' };

/** Registers the demo customer at start where SEED_DEMO says so; every further start, and every other instance, finds it there. */
@Injectable()
export class DemoCustomer implements OnApplicationBootstrap {
  constructor(
    private readonly config: AuthConfig,
    private readonly accounts: Accounts,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    if (!this.config.SEED_DEMO || (await this.accounts.has(demoCustomer.email))) return;
    await this.accounts.register(demoCustomer).catch((error: unknown) => {
      if (!(error instanceof DomainError && error.code === 'email-taken')) throw error;
    });
  }
}
