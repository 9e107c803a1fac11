import { Body, Controller, Get, Post, Req, Res, UseFilters } from '@nestjs/common';
import { registerAccount } from '@shop/contracts';
import { DomainError } from '@shop/kernel';
import { Produces, Public } from '@shop/platform';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Accounts } from '../accounts/accounts.ts';
import { AuthConfig } from '../auth.config.ts';
import { stillStands } from '../oidc/end-sign-ins.ts';
import { adviceIn } from '../sign-in/advice.ts';
import { cookieOf, setCookie } from '../sign-in/cookies.ts';
import { formToken, isFormToken } from '../sign-in/form-token.ts';
import { TooManyGuesses } from '../sign-in/guess-limits.ts';
import type { FormState } from '../sign-in/pages.ts';
import { sendPage } from '../sign-in/send-page.ts';
import { ForgedForm, SignInFailures } from '../sign-in/sign-in.failures.ts';
import { SignIns } from '../sign-in/sign-ins.ts';
import { passwordChangedPage, passwordPage } from './password-page.ts';

const field = z.string().max(1024).catch('');
const form = z.object({ token: field, email: field, password: field, next: field });
const formCookie = 'shop_form';

/**
 * Changes a password for whoever knows the one it has now: no session is trusted with that. The form proves by a word made from a cookie
 * that it was sent from this page, in this browser.
 */
@Controller('oidc/password')
@Public()
@Produces('text/html')
@UseFilters(SignInFailures)
export class PasswordController {
  constructor(
    private readonly signIns: SignIns,
    private readonly accounts: Accounts,
    private readonly config: AuthConfig,
  ) {}

  @Get()
  form(@Res() reply: FastifyReply) {
    const nonce = crypto.randomUUID();
    setCookie(reply, formCookie, nonce, { path: '/oidc/password', secure: this.secure });
    return sendPage(reply, passwordPage(this.state(nonce)));
  }

  @Post()
  async change(@Body() body: unknown, @Req() request: FastifyRequest, @Res() reply: FastifyReply) {
    const { token, email, password, next } = form.parse(body ?? {});
    const nonce = cookieOf(request, formCookie, this.secure);
    if (nonce === undefined || !isFormToken(token, nonce, this.config.COOKIE_KEYS)) throw new ForgedForm();
    const refused = (status: number, wrong: Partial<FormState>) => sendPage(reply, passwordPage({ ...this.state(nonce), status, ...wrong, values: { email } }));
    if (!registerAccount.shape.password.safeParse(next).success) return refused(422, { wrong: { next: 'Choose a password of 12 to 128 characters.' } });
    if (next === password) return refused(422, { wrong: { next: 'Choose another password than the one you have.' } });
    try {
      const identity = await this.signIns.check(email, password, { request, reply });
      const version = identity && (await this.accounts.changePassword(identity.id, next, request.ip, (tx) => stillStands(tx, identity)));
      if (version === undefined) return refused(422, { problem: 'This email address and password do not belong together.' });
      this.signIns.remember(email, version, reply);
      return sendPage(reply, passwordChangedPage());
    } catch (error) {
      if (error instanceof TooManyGuesses) return refused(429, { problem: error.message });
      if (error instanceof DomainError && error.code === 'weak-password') return refused(422, { wrong: { next: adviceIn(error)['password'] ?? error.message } });
      if (error instanceof DomainError && error.kind === 'unavailable') return refused(503, { problem: error.message });
      throw error;
    }
  }

  private get secure(): boolean {
    return this.config.ISSUER.startsWith('https:');
  }

  private state(nonce: string) {
    return { token: formToken(nonce, this.config.COOKIE_KEYS), redirectUri: this.config.ISSUER };
  }
}
