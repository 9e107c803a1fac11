import { Body, Controller, Get, Post, Req, Res, UseFilters } from '@nestjs/common';
import { Produces, Public } from '@shop/platform';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { AccountSession, type Here } from '../account-page/account-session.ts';
import { Accounts } from '../accounts/accounts.ts';
import { AuthConfig } from '../auth.config.ts';
import { recoveryCodesPage } from '../factors/pages.ts';
import { MailRequests } from '../mailbox/mail-requests.ts';
import { failurePage } from '../sign-in/pages.ts';
import { sendPage } from '../sign-in/send-page.ts';
import { SignInFailures } from '../sign-in/sign-in.failures.ts';
import { passkeysPage } from './pages.ts';
import { Passkeys } from './passkeys.ts';

const field = z.string().max(8_192).catch('');
const called = z.string().trim().min(1).max(60).catch('Passkey');
const form = z.object({ token: field, which: field, challenge: field, answer: field, name: called });

/** Passkeys are added, named and removed by who has just signed in, with every factor that the account has. */
@Controller('oidc/account/passkeys')
@Public()
@Produces('text/html')
@UseFilters(SignInFailures)
export class PasskeyController {
  constructor(
    private readonly session: AccountSession,
    private readonly accounts: Accounts,
    private readonly passkeys: Passkeys,
    private readonly requests: MailRequests,
    private readonly config: AuthConfig,
  ) {}

  @Get()
  async show(@Req() request: FastifyRequest, @Res() reply: FastifyReply) {
    const here = await this.session.fresh(request, reply);
    if (!here) return this.session.signIn(reply, 'passkeys');
    const { email, verified } = await this.accounts.recipient(here.accountId);
    if (!verified)
      return sendPage(
        reply,
        failurePage(409, 'Confirm your address first', 'Follow the link that we mailed to you; then come back.'),
      );
    return this.page(reply, here, email);
  }

  @Post()
  async add(@Body() body: unknown, @Req() request: FastifyRequest, @Res() reply: FastifyReply) {
    const { token, challenge: sealed, answer, name } = form.parse(body ?? {});
    const here = await this.session.freshForm(request, reply, token);
    if (!here) return this.session.signIn(reply, 'passkeys');
    const { email, verified } = await this.accounts.recipient(here.accountId);
    const codes = verified
      ? await this.passkeys.add(
          { id: here.accountId, ...here },
          { page: here.session, sealed, answer, name, address: request.ip },
          (tx, id) => this.requests.tellOfFactor(tx, here.accountId, id),
        )
      : undefined;
    if (!codes) return this.page(reply, here, email, 'This passkey could not be added. Try again.');
    return codes.length > 0 ? sendPage(reply, recoveryCodesPage(codes)) : this.back(reply);
  }

  @Post('name')
  async rename(@Body() body: unknown, @Req() request: FastifyRequest, @Res() reply: FastifyReply) {
    const { token, which, name } = form.parse(body ?? {});
    const here = await this.session.freshForm(request, reply, token);
    if (!here) return this.session.signIn(reply, 'passkeys');
    await this.passkeys.rename(here.accountId, which, name);
    return this.back(reply);
  }

  @Post('removal')
  async remove(@Body() body: unknown, @Req() request: FastifyRequest, @Res() reply: FastifyReply) {
    const { token, which } = form.parse(body ?? {});
    const here = await this.session.freshForm(request, reply, token);
    if (!here) return this.session.signIn(reply, 'passkeys');
    await this.passkeys.remove({ id: here.accountId, ...here }, which, request.ip);
    return this.back(reply);
  }

  private async page(reply: FastifyReply, { accountId, session, token }: Here, email: string, problem?: string) {
    const asked = this.passkeys.isPossible
      ? await this.passkeys.askToMake({ account: accountId, email }, session)
      : undefined;
    return sendPage(
      reply,
      passkeysPage({
        token,
        issuer: this.config.ISSUER,
        passkeys: await this.passkeys.list(accountId),
        asked,
        problem,
        status: problem === undefined ? 200 : 422,
      }),
    );
  }

  private back(reply: FastifyReply) {
    return reply.redirect(`${this.config.ISSUER}/account/passkeys`, 303);
  }
}
