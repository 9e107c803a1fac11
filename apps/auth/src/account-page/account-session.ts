import { createHash, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AuthConfig } from '../auth.config.ts';
import { Factors } from '../factors/factors.ts';
import { accountClient } from '../oidc/clients.ts';
import { currentExchange } from '../oidc/exchange.ts';
import { ProviderHost } from '../oidc/provider-host.ts';
import { formToken, isFormToken } from '../sign-in/form-token.ts';
import { ForgedForm } from '../sign-in/sign-in.failures.ts';

/** So long after a sign-in its person may change how the next one is proved. */
const freshSeconds = 600;

/** Who is signed in with this browser. */
export interface Here {
  readonly accountId: string;
  readonly session: string;
  /** The version of the account's credentials that this session proved. */
  readonly credentialsVersion: number;
  /** When they signed in, in seconds since 1970. */
  readonly signedInAt: number;
  /** How they signed in (RFC 8176). */
  readonly amr: readonly string[];
  /** For the forms of the page. */
  readonly token: string;
}

/** The browser's session at the provider, for pages of ours that belong to no application. */
@Injectable()
export class AccountSession {
  constructor(
    private readonly host: ProviderHost,
    private readonly factors: Factors,
    private readonly config: AuthConfig,
  ) {}

  /** Undefined where nobody is signed in with this browser. */
  async of(request: FastifyRequest, reply: FastifyReply): Promise<Here | undefined> {
    const { provider } = this.host;
    const session = await provider.Session.get(
      provider.createContext(request.raw, reply.raw) as Parameters<typeof provider.Session.get>[0],
    );
    if (session.accountId === undefined) return undefined;
    const credentialsVersion = currentExchange()?.credentials.get(session.accountId) ?? 0;
    return {
      accountId: session.accountId,
      session: session.uid,
      credentialsVersion,
      signedInAt: session.loginTs ?? 0,
      amr: session.amr ?? [],
      token: formToken(`account:${session.uid}`, this.config.COOKIE_KEYS),
    };
  }

  /** The same for a form, which has to be of this session. */
  async ofForm(request: FastifyRequest, reply: FastifyReply, token: string): Promise<Here> {
    const here = await this.of(request, reply);
    if (!here || !isFormToken(token, `account:${here.session}`, this.config.COOKIE_KEYS)) throw new ForgedForm();
    return here;
  }

  /**
   * Who has signed in within ten minutes, with a second factor where the account has one; undefined for everybody else,
   * who signs in first.
   */
  async fresh(request: FastifyRequest, reply: FastifyReply): Promise<Here | undefined> {
    return this.ifFresh(await this.of(request, reply));
  }

  /** The same for a form, which has to be of this session. */
  async freshForm(request: FastifyRequest, reply: FastifyReply, token: string): Promise<Here | undefined> {
    return this.ifFresh(await this.ofForm(request, reply, token));
  }

  private async ifFresh(here: Here | undefined): Promise<Here | undefined> {
    if (!here || here.signedInAt < Date.now() / 1_000 - freshSeconds) return undefined;
    return here.amr.includes('mfa') || !(await this.factors.has(here.accountId)) ? here : undefined;
  }

  /**
   * Sends a browser to sign in and come back to the account page, or to a page below it. Of the code it comes back with
   * nothing is made: the session is what we want.
   */
  signIn(reply: FastifyReply, page?: string): FastifyReply {
    const { ISSUER } = this.config;
    const challenge = createHash('sha256').update(randomBytes(32)).digest('base64url');
    const query = new URLSearchParams({
      client_id: accountClient,
      redirect_uri: `${ISSUER}/account`,
      response_type: 'code',
      scope: 'openid',
      prompt: 'login',
      ...(page !== undefined && { state: page }),
      code_challenge: challenge,
      code_challenge_method: 'S256',
    });
    return reply.redirect(`${ISSUER}/auth?${query}`, 303);
  }
}
