import { Injectable } from '@nestjs/common';
import { Database } from '@shop/platform';
import { Audit } from '../audit/audit.ts';
import { ourClients } from '../oidc/clients.ts';
import { endFamilies, endSession } from '../oidc/end-sign-ins.ts';

/** One browser that is signed in, or whose programs are. */
export interface OneSignIn {
  /** Of the browser's session, which may have ended before the programs' tokens. */
  readonly session: string;
  /** The ids of programs that go on by themselves. */
  readonly clients: readonly string[];
  readonly began: Date;
  readonly lastUsed: Date;
}

/** What somebody lets a program do that is not ours. */
export interface Consent {
  readonly client: string;
  readonly scopes: readonly string[];
  readonly given: Date;
}

/** What a person has under way, and how each part of it ends. */
@Injectable()
export class SignInsOf {
  constructor(
    private readonly database: Database,
    private readonly audit: Audit,
  ) {}

  /** The one used last first. */
  async list(account: string): Promise<OneSignIn[]> {
    return this.database.query<OneSignIn & Record<string, unknown>>(
      `SELECT coalesce(payload ->> 'sessionUid', uid) AS session,
         coalesce(array_agg(DISTINCT payload ->> 'clientId') FILTER (WHERE model = 'RefreshToken'), '{}') AS clients,
         to_timestamp(min(coalesce(payload ->> 'iiat', payload ->> 'iat')::float8)) AS began, to_timestamp(max((payload ->> 'iat')::float8)) AS "lastUsed"
       FROM oidc_artifacts
       WHERE payload ? 'accountId' AND payload ->> 'accountId' = $1 AND model IN ('Session', 'RefreshToken') AND consumed_at IS NULL AND expires_at > now()
       GROUP BY 1 ORDER BY 4 DESC LIMIT 100`,
      [account],
      'sign-ins-list',
    );
  }

  /** Ends a sign-in of this account; of nobody else's. */
  async end(account: string, session: string, address: string): Promise<void> {
    if (!(await this.list(account)).some((one) => one.session === session)) return;
    const clients = await endSession(this.database, session);
    await this.audit.note('signed-out', { account, address, details: { from: 'account page', clients } });
  }

  /**
   * Ends every sign-in of the account but one, however many there are, and those that are under way in other browsers.
   */
  async endOthers(account: string, here: string, address: string): Promise<void> {
    await this.database.query(
      `DELETE FROM oidc_artifacts WHERE model = 'Interaction' AND account_id = $1 AND payload -> 'session' ->> 'uid' IS DISTINCT FROM $2`,
      [account, here],
      'interactions-end-others',
    );
    const sessions = await this.database.query<{ session: string }>(
      `SELECT DISTINCT coalesce(payload ->> 'sessionUid', uid) AS session FROM oidc_artifacts
       WHERE payload ? 'accountId' AND payload ->> 'accountId' = $1 AND model IN ('Session', 'RefreshToken', 'AuthorizationCode') AND coalesce(payload ->> 'sessionUid', uid) <> $2`,
      [account, here],
      'sessions-others',
    );
    const clients = new Set<string>();
    for (const { session } of sessions)
      for (const client of await endSession(this.database, session)) clients.add(client);
    if (sessions.length > 0)
      await this.audit.note('signed-out', {
        account,
        address,
        details: { from: 'account page', sessions: sessions.length, clients: [...clients] },
      });
  }

  async consents(account: string): Promise<Consent[]> {
    return this.database.query<Consent & Record<string, unknown>>(
      `SELECT g.payload ->> 'clientId' AS client, array_agg(DISTINCT scope) AS scopes, to_timestamp(min((g.payload ->> 'iat')::float8)) AS given
       FROM oidc_artifacts g, unnest(string_to_array(coalesce(g.payload -> 'openid' ->> 'scope', ''), ' ')) AS scope
       WHERE g.payload ? 'accountId' AND g.payload ->> 'accountId' = $1 AND g.model = 'Grant' AND g.expires_at > now() AND NOT g.payload ->> 'clientId' = ANY ($2)
       GROUP BY 1 ORDER BY 3 DESC LIMIT 100`,
      [account, [...ourClients]],
      'consents-list',
    );
  }

  /** The program can do nothing more for them, from its next request for a token on. */
  async takeBack(account: string, client: string, address: string): Promise<void> {
    if (ourClients.has(client)) return;
    const ended = await endFamilies(this.database, { account, client });
    if (ended > 0) await this.audit.note('consent-taken-back', { account, client, address });
  }
}
