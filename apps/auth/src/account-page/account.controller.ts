import { Body, Controller, Get, Post, Req, Res, UseFilters } from '@nestjs/common';
import { Produces, Public } from '@shop/platform';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Accounts } from '../accounts/accounts.ts';
import { AuthConfig } from '../auth.config.ts';
import { Factors } from '../factors/factors.ts';
import { ProviderHost } from '../oidc/provider-host.ts';
import { TooManyGuesses } from '../sign-in/guess-limits.ts';
import { sendPage } from '../sign-in/send-page.ts';
import { SignInFailures } from '../sign-in/sign-in.failures.ts';
import { SignIns } from '../sign-in/sign-ins.ts';
import { AccountSession } from './account-session.ts';
import { accountPage, deletedPage, deletionPage } from './pages.ts';
import { SignInsOf } from './sign-ins-of.ts';

/** Pages that send people to sign in first. */
const below: ReadonlySet<string> = new Set(['second-factor', 'passkeys']);
const field = z.string().max(1024).catch('');
const form = z.object({ token: field, which: field, password: field });

/**
 * What a person sees of their account and ends of it. Who is signed in with the browser may; what cannot be undone
 * takes the password, too.
 */
@Controller('oidc/account')
@Public()
@Produces('text/html')
@UseFilters(SignInFailures)
export class AccountController {
  constructor(
    private readonly session: AccountSession,
    private readonly signInsOf: SignInsOf,
    private readonly signIns: SignIns,
    private readonly accounts: Accounts,
    private readonly factors: Factors,
    private readonly host: ProviderHost,
    private readonly config: AuthConfig,
  ) {}

  @Get()
  async account(@Req() request: FastifyRequest, @Res() reply: FastifyReply) {
    const here = await this.session.of(request, reply);
    if (!here) return this.session.signIn(reply);
    // Where they were sent to sign in from.
    const { state } = request.query as { state?: unknown };
    if (typeof state === 'string' && below.has(state))
      return reply.redirect(`${this.config.ISSUER}/account/${state}`, 303);
    const [hasFactor, signIns, consents] = await Promise.all([
      this.factors.hasApp(here.accountId),
      this.signInsOf.list(here.accountId),
      this.signInsOf.consents(here.accountId),
    ]);
    const ids = new Set([...signIns.flatMap(({ clients }) => clients), ...consents.map(({ client }) => client)]);
    const names = Object.fromEntries(
      await Promise.all(
        [...ids].map(async (id) => [id, (await this.host.provider.Client.find(id))?.clientName ?? id] as const),
      ),
    );
    return sendPage(
      reply,
      accountPage({
        token: here.token,
        issuer: this.config.ISSUER,
        here: here.session,
        hasFactor,
        signIns,
        consents,
        names,
      }),
    );
  }

  @Post('sign-in')
  async endOne(@Body() body: unknown, @Req() request: FastifyRequest, @Res() reply: FastifyReply) {
    const { token, which } = form.parse(body ?? {});
    const { accountId } = await this.session.ofForm(request, reply, token);
    await this.signInsOf.end(accountId, which, request.ip);
    return this.back(reply);
  }

  @Post('others')
  async endOthers(@Body() body: unknown, @Req() request: FastifyRequest, @Res() reply: FastifyReply) {
    const { accountId, session: here } = await this.session.ofForm(request, reply, form.parse(body ?? {}).token);
    await this.signInsOf.endOthers(accountId, here, request.ip);
    return this.back(reply);
  }

  @Post('consent')
  async takeBack(@Body() body: unknown, @Req() request: FastifyRequest, @Res() reply: FastifyReply) {
    const { token, which } = form.parse(body ?? {});
    const { accountId } = await this.session.ofForm(request, reply, token);
    await this.signInsOf.takeBack(accountId, which, request.ip);
    return this.back(reply);
  }

  @Get('deletion')
  async deletionForm(@Req() request: FastifyRequest, @Res() reply: FastifyReply) {
    const here = await this.session.of(request, reply);
    return here
      ? sendPage(reply, deletionPage({ token: here.token, redirectUri: this.config.ISSUER }))
      : this.session.signIn(reply);
  }

  @Post('deletion')
  async remove(@Body() body: unknown, @Req() request: FastifyRequest, @Res() reply: FastifyReply) {
    const { token, password } = form.parse(body ?? {});
    const { accountId } = await this.session.ofForm(request, reply, token);
    const refused = (status: number, problem: string) =>
      sendPage(reply, deletionPage({ token, redirectUri: this.config.ISSUER, status, problem }));
    try {
      const login = await this.signIns.check((await this.accounts.recipient(accountId)).email, password, { request });
      if (login?.id !== accountId || !(await this.accounts.remove(login, request.ip)))
        return refused(422, 'This is not your password.');
    } catch (error) {
      if (error instanceof TooManyGuesses) return refused(429, error.message);
      throw error;
    }
    return sendPage(reply, deletedPage());
  }

  private back(reply: FastifyReply) {
    return reply.redirect(`${this.config.ISSUER}/account`, 303);
  }
}
