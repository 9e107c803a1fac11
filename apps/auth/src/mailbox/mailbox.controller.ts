import { Body, Controller, Get, Param, Post, Req, Res, UseFilters } from '@nestjs/common';
import { registerAccount } from '@shop/contracts';
import { DomainError } from '@shop/kernel';
import { Produces, Public } from '@shop/platform';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { AuthConfig } from '../auth.config.ts';
import { adviceIn, adviceOn } from '../sign-in/advice.ts';
import { TooManyGuesses } from '../sign-in/guess-limits.ts';
import type { FormState } from '../sign-in/pages.ts';
import { sendPage } from '../sign-in/send-page.ts';
import { SignInFailures } from '../sign-in/sign-in.failures.ts';
import { SignIns } from '../sign-in/sign-ins.ts';
import { Factors } from '../factors/factors.ts';
import { factorLinkSeconds, MailRequests, type LinkOwner } from './mail-requests.ts';
import { Mailboxes } from './mailboxes.ts';
import {
  linkSentPage,
  newPasswordPage,
  passwordSetPage,
  recoveryPage,
  refuseFactorPage,
  verificationPage,
  verifiedPage,
} from './pages.ts';

const field = z.string().max(1024).catch('');
const form = z.object({ email: field, password: field, name: field, removal: field });

/**
 * Where the links in our mails lead. Who has the link has the mailbox, so it is all the proof a form needs of where it
 * comes from. Looking at a page uses nothing up: mail scanners look at every link.
 */
@Controller('oidc')
@Public()
@Produces('text/html')
@UseFilters(SignInFailures)
export class MailboxController {
  constructor(
    private readonly requests: MailRequests,
    private readonly mailboxes: Mailboxes,
    private readonly signIns: SignIns,
    private readonly factors: Factors,
    private readonly config: AuthConfig,
  ) {}

  @Get('verification/:token')
  async verificationForm(@Param('token') token: string, @Res() reply: FastifyReply) {
    const { email } = await this.requests.owner('verify-address', token);
    return sendPage(reply, verificationPage(this.state(), email));
  }

  @Post('verification/:token')
  async verify(
    @Param('token') token: string,
    @Body() body: unknown,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ) {
    const owner = await this.requests.owner('verify-address', token);
    const refused = (wrong: Partial<FormState>) =>
      sendPage(reply, verificationPage({ ...this.state(), status: 422, ...wrong }, owner.email));
    try {
      const identity = await this.signIns.check(owner.email, form.parse(body ?? {}).password, { request });
      if (identity?.id !== owner.accountId) return refused({ problem: 'This is not the password of the account.' });
      await this.mailboxes.verify(owner, request.ip);
      return sendPage(reply, verifiedPage());
    } catch (error) {
      if (error instanceof TooManyGuesses) return refused({ status: 429, problem: error.message });
      throw error;
    }
  }

  @Get('recovery')
  recoveryForm(@Res() reply: FastifyReply) {
    return sendPage(reply, recoveryPage(this.state()));
  }

  @Post('recovery')
  async sendLink(@Body() body: unknown, @Res() reply: FastifyReply) {
    const { email } = form.parse(body ?? {});
    if (!registerAccount.shape.email.safeParse(email.trim()).success)
      return sendPage(
        reply,
        recoveryPage({
          ...this.state(),
          status: 422,
          wrong: { email: 'This is not an email address.' },
          values: { email },
        }),
      );
    await this.requests.request('reset-password', email);
    return sendPage(reply, linkSentPage());
  }

  @Get('recovery/:token')
  async newPasswordForm(@Param('token') token: string, @Res() reply: FastifyReply) {
    const owner = await this.requests.owner('reset-password', token);
    return sendPage(reply, newPasswordPage(this.state(), await this.about(owner)));
  }

  @Post('recovery/:token')
  async setPassword(
    @Param('token') token: string,
    @Body() body: unknown,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ) {
    const owner = await this.requests.owner('reset-password', token);
    const { password, name, removal } = form.parse(body ?? {});
    const about = await this.about(owner);
    const refused = (wrong: Record<string, string>) =>
      sendPage(reply, newPasswordPage({ ...this.state(), status: 422, wrong, values: { name } }, about));
    const wanted = registerAccount
      .pick({ password: true, ...(!owner.verified && { name: true }) })
      .safeParse({ password, name });
    if (!wanted.success) return refused(adviceOn(wanted.error.issues));
    try {
      await this.mailboxes.reset(owner, {
        password,
        name: owner.verified ? undefined : name.trim(),
        address: request.ip,
        removeRecent: removal === 'yes',
      });
      return sendPage(reply, passwordSetPage());
    } catch (error) {
      if (error instanceof DomainError && error.kind === 'invalid') return refused(adviceIn(error));
      throw error;
    }
  }

  @Get('factor-removal/:token')
  async refuseFactorForm(@Param('token') token: string, @Res() reply: FastifyReply) {
    const { email } = await this.requests.owner('factor-added', token);
    return sendPage(reply, refuseFactorPage(this.state(), email));
  }

  @Post('factor-removal/:token')
  async refuseFactor(
    @Param('token') token: string,
    @Body() body: unknown,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ) {
    const owner = await this.requests.owner('factor-added', token);
    const refused = (wrong: Record<string, string>) =>
      sendPage(reply, refuseFactorPage({ ...this.state(), status: 422, wrong }, owner.email));
    const wanted = registerAccount.pick({ password: true }).safeParse(form.parse(body ?? {}));
    if (!wanted.success) return refused(adviceOn(wanted.error.issues));
    try {
      await this.mailboxes.refuseFactor(owner, { ...wanted.data, address: request.ip });
      return sendPage(reply, passwordSetPage());
    } catch (error) {
      if (error instanceof DomainError && error.kind === 'invalid') return refused(adviceIn(error));
      throw error;
    }
  }

  private async about({ accountId, email, verified }: LinkOwner) {
    return {
      address: email,
      named: verified,
      recent: (await this.factors.recent(accountId, factorLinkSeconds)).length,
    };
  }

  private state() {
    return { token: '', redirectUri: this.config.ISSUER };
  }
}
