import { Module, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { Database, DatabaseModule, Logger } from '@shop/platform';
import { Provider } from 'oidc-provider';
import { Accounts } from './accounts/accounts.ts';
import { AccountsController } from './accounts/accounts.controller.ts';
import { DemoAccounts } from './accounts/demo-accounts.ts';
import { Passwords } from './accounts/passwords.ts';
import { AuthConfig } from './auth.config.ts';
import { mount } from './oidc/mount.ts';
import { openIdProvider } from './oidc/open-id.ts';
import { Purge } from './oidc/purge.ts';
import { SignInController } from './sign-in/sign-in.controller.ts';

@Module({
  imports: [DatabaseModule.forRoot(AuthConfig)],
  controllers: [AccountsController, SignInController],
  providers: [
    Accounts,
    Passwords,
    DemoAccounts,
    Purge,
    { provide: Provider, useFactory: openIdProvider, inject: [AuthConfig, Database, Accounts, Logger] },
  ],
})
export class AuthModule implements OnModuleInit {
  constructor(
    private readonly http: HttpAdapterHost,
    private readonly provider: Provider,
  ) {}

  async onModuleInit(): Promise<void> {
    await mount(this.http.httpAdapter.getInstance(), this.provider);
  }
}
