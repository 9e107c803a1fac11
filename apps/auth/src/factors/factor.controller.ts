import { Body, Controller, Get, Post, Req, Res, UseFilters } from '@nestjs/common';
import { Produces, Public } from '@shop/platform';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { AccountSession, type Here } from '../account-page/account-session.ts';
import { Accounts } from '../accounts/accounts.ts';
import { AuthConfig } from '../auth.config.ts';
import { MailRequests } from '../mailbox/mail-requests.ts';
import { Sealing } from '../oidc/sealing.ts';
import { TooManyGuesses } from '../sign-in/guess-limits.ts';
import { failurePage } from '../sign-in/pages.ts';
import { sendPage } from '../sign-in/send-page.ts';
import { SignInFailures } from '../sign-in/sign-in.failures.ts';
import { SignIns } from '../sign-in/sign-ins.ts';
import { Factors } from './factors.ts';
import { addFactorPage, recoveryCodesPage, removeFactorPage } from './pages.ts';
import { keyUri, newSecret } from './totp.ts';

const field = z.string().max(1024).catch('');
const form = z.object({ token: field, sealed: field, password: field, code: field });
const wrong = { status: 422, problem: 'Password and code are not both right.' };

/** A second factor is added and removed by who is signed in with this browser and shows the password and a code. */
@Controller('oidc/account/second-factor')
@Public()
@Produces('text/html')
@UseFilters(SignInFailures)
export class FactorController {
  private readonly sealing: Sealing;

  constructor(
    private readonly session: AccountSession,
    private readonly signIns: SignIns,
    private readonly accounts: Accounts,
    private readonly factors: Factors,
    private readonly requests: MailRequests,
    private readonly config: AuthConfig,
  ) {
    this.sealing = new Sealing(config.COOKIE_KEYS);
  }

  @Get()
  async show(@Req() request: FastifyRequest, @Res() reply: FastifyReply) {
    const here = await this.session.fresh(request, reply);
    if (!here) return this.session.signIn(reply, 'second-factor');
    if (await this.factors.hasApp(here.accountId)) return sendPage(reply, removeFactorPage(this.state(here)));
    // So that no factor is a squatter's, who would keep it when the owner of the mailbox comes.
    const { email, verified } = await this.accounts.recipient(here.accountId);
    if (!verified)
      return sendPage(
        reply,
        failurePage(409, 'Confirm your address first', 'Follow the link that we mailed to you; then come back.'),
      );
    return this.offer(reply, here, { email, secret: newSecret() });
  }

  @Post()
  async change(@Body() body: unknown, @Req() request: FastifyRequest, @Res() reply: FastifyReply) {
    const { token, sealed, password, code } = form.parse(body ?? {});
    const here = await this.session.freshForm(request, reply, token);
    if (!here) return this.session.signIn(reply, 'second-factor');
    const { email, verified } = await this.accounts.recipient(here.accountId);
    const secret = this.sealing.open(sealed, `new totp:${here.session}`);
    const refused = (why: { status: number; problem: string }) =>
      secret === undefined
        ? sendPage(reply, removeFactorPage({ ...this.state(here), ...why }))
        : this.offer(reply, here, { email, secret, ...why });
    try {
      const login = await this.signIns.check(email, password, { request });
      if (login?.id !== here.accountId) return await refused(wrong);
      if (secret !== undefined && verified) {
        const codes = await this.factors.add(login, { secret, code, address: request.ip }, (tx) =>
          this.requests.tellOfFactor(tx, login.id, 'app'),
        );
        if (!codes) return await refused(wrong);
        return codes.length > 0
          ? sendPage(reply, recoveryCodesPage(codes))
          : reply.redirect(`${this.config.ISSUER}/account`, 303);
      }
      if (!(await this.factors.check(here.accountId, code, request.ip))) return await refused(wrong);
      if (!(await this.factors.remove(login, request.ip))) return await refused(wrong);
      return reply.redirect(`${this.config.ISSUER}/account`, 303);
    } catch (error) {
      if (error instanceof TooManyGuesses) return refused({ status: 429, problem: error.message });
      throw error;
    }
  }

  /** The secret travels sealed in the form: nothing is stored of a factor that is never added. */
  private offer(
    reply: FastifyReply,
    here: Here,
    { email, secret, ...why }: { email: string; secret: string; status?: number; problem?: string },
  ) {
    const hidden = { sealed: this.sealing.seal(secret, `new totp:${here.session}`) };
    return sendPage(
      reply,
      addFactorPage({ ...this.state(here), hidden, ...why }, { secret, uri: keyUri(secret, email) }),
    );
  }

  private state({ token }: Here) {
    return { token, redirectUri: this.config.ISSUER };
  }
}
