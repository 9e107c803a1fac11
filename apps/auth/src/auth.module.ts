import { Module, type DynamicModule, type OnModuleInit, type Type } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { Database, DatabaseModule, Logger } from '@shop/platform';
import { AccountController } from './account-page/account.controller.ts';
import { AccountSession } from './account-page/account-session.ts';
import { SignInsOf } from './account-page/sign-ins-of.ts';
import { Accounts } from './accounts/accounts.ts';
import { AccountsController } from './accounts/accounts.controller.ts';
import { DemoAccounts } from './accounts/demo-accounts.ts';
import { Registrations } from './accounts/registrations.ts';
import { Passwords } from './accounts/passwords.ts';
import { Audit } from './audit/audit.ts';
import { AuthConfig } from './auth.config.ts';
import { MailboxController } from './mailbox/mailbox.controller.ts';
import { Mailboxes } from './mailbox/mailboxes.ts';
import { MailRequestsController } from './mailbox/mail-requests.controller.ts';
import { MailRequests } from './mailbox/mail-requests.ts';
import { FactorController } from './factors/factor.controller.ts';
import { Factors } from './factors/factors.ts';
import { KeptSecrets } from './factors/kept-secrets.ts';
import { mount } from './oidc/mount.ts';
import { Artifacts, PostgresArtifacts } from './oidc/artifact-store.ts';
import { AuthOperationsController } from './oidc/auth-operations.controller.ts';
import { openIdProvider } from './oidc/open-id.ts';
import { ProviderHost } from './oidc/provider-host.ts';
import { Purge } from './oidc/purge.ts';
import { PasskeyController } from './passkeys/passkey.controller.ts';
import { Passkeys } from './passkeys/passkeys.ts';
import { ScriptsController } from './passkeys/scripts.controller.ts';
import { PasswordController } from './password/password.controller.ts';
import { GuessLimits } from './sign-in/guess-limits.ts';
import { SignInController } from './sign-in/sign-in.controller.ts';
import { SignIns } from './sign-in/sign-ins.ts';

function openHost(
  ...[config, database, artifacts, accounts, audit, logger]: [AuthConfig, Database, Artifacts, Accounts, Audit, Logger]
): Promise<ProviderHost> {
  const times = { lead: config.SIGNING_KEY_LEAD_SECONDS, rotateAfter: config.SIGNING_KEY_DAYS * 24 * 60 * 60 };
  return ProviderHost.open((keys) => openIdProvider({ config, database, artifacts, accounts, audit, logger }, keys), {
    database,
    audit,
    logger,
    times,
  });
}

@Module({
  imports: [DatabaseModule.forRoot(AuthConfig)],
  controllers: [
    AccountsController,
    SignInController,
    PasswordController,
    AccountController,
    FactorController,
    PasskeyController,
    ScriptsController,
    MailboxController,
    MailRequestsController,
    AuthOperationsController,
  ],
  providers: [
    Accounts,
    Registrations,
    AccountSession,
    Factors,
    KeptSecrets,
    Passkeys,
    SignInsOf,
    Mailboxes,
    MailRequests,
    Passwords,
    DemoAccounts,
    Audit,
    { provide: Artifacts, useClass: PostgresArtifacts },
    GuessLimits,
    SignIns,
    Purge,
    {
      provide: ProviderHost,
      inject: [AuthConfig, Database, Artifacts, Accounts, Audit, Logger],
      useFactory: openHost,
    },
  ],
})
export class AuthModule implements OnModuleInit {
  constructor(
    private readonly http: HttpAdapterHost,
    private readonly provider: ProviderHost,
    private readonly config: AuthConfig,
  ) {}

  /** The same, keeping what the library keeps in another way. */
  static keeping(artifacts: Type<Artifacts>): DynamicModule {
    return { module: AuthModule, providers: [{ provide: Artifacts, useClass: artifacts }] };
  }

  async onModuleInit(): Promise<void> {
    await mount(this.http.httpAdapter.getInstance(), this.provider, this.config.ISSUER);
  }
}
