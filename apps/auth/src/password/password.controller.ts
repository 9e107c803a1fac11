import { Body, Controller, Get, Post, Req, Res, UseFilters } from '@nestjs/common';
import { registerAccount } from '@shop/contracts';
import { DomainError } from '@shop/kernel';
import { Produces, Public } from '@shop/platform';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Accounts } from '../accounts/accounts.ts';
import { AuthConfig } from '../auth.config.ts';
import { Factors } from '../factors/factors.ts';
import { factorPage } from '../factors/pages.ts';
import { stillStands } from '../oidc/end-sign-ins.ts';
import { Sealing } from '../oidc/sealing.ts';
import { Passkeys } from '../passkeys/passkeys.ts';
import { adviceIn } from '../sign-in/advice.ts';
import { cookieOf, setCookie } from '../sign-in/cookies.ts';
import { formToken, isFormToken } from '../sign-in/form-token.ts';
import { TooManyGuesses, type Known } from '../sign-in/guess-limits.ts';
import type { FormState } from '../sign-in/pages.ts';
import { sendPage } from '../sign-in/send-page.ts';
import { ForgedForm, SignInFailures } from '../sign-in/sign-in.failures.ts';
import { SignIns } from '../sign-in/sign-ins.ts';
import { passwordChangedPage, passwordPage } from './password-page.ts';

const field = z.string().max(1024).catch('');
const form = z.object({ token: field, email: field, password: field, next: field });
const factorForm = z.object({
  token: field,
  code: field,
  passed: z.string().max(4_096).catch(''),
  challenge: field,
  answer: z.string().max(8_192).catch(''),
});
const formCookie = 'shop_form';
const secondStepMs = 5 * 60_000;

/** What the first step asked for. */
const wanted = z.object({ id: z.string(), credentialsVersion: z.int(), next: z.string(), until: z.number() });
type Wish = z.output<typeof wanted>;

/**
 * Changes a password for whoever knows the one it has now, and shows the second factor where there is one: no session
 * is trusted with that. The form proves by a word made from a cookie that it was sent from this page, in this browser.
 */
@Controller('oidc/password')
@Public()
@Produces('text/html')
@UseFilters(SignInFailures)
export class PasswordController {
  private readonly sealing: Sealing;

  constructor(
    private readonly signIns: SignIns,
    private readonly accounts: Accounts,
    private readonly factors: Factors,
    private readonly passkeys: Passkeys,
    private readonly config: AuthConfig,
  ) {
    this.sealing = new Sealing(config.COOKIE_KEYS);
  }

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
    const refused = (status: number, wrong: Partial<FormState>) =>
      sendPage(reply, passwordPage({ ...this.state(nonce), status, ...wrong, values: { email } }));
    if (!registerAccount.shape.password.safeParse(next).success)
      return refused(422, { wrong: { next: 'Choose a password of 12 to 128 characters.' } });
    if (next === password) return refused(422, { wrong: { next: 'Choose another password than the one you have.' } });
    try {
      const identity = await this.signIns.check(email, password, { request });
      if (identity && (await this.factors.has(identity.id)))
        return await this.askForFactor(reply, nonce, {
          id: identity.id,
          credentialsVersion: identity.credentialsVersion,
          next,
          until: Date.now() + secondStepMs,
        });
      if (!identity || !(await this.set(identity, next, request, reply)))
        return refused(422, { problem: 'This email address and password do not belong together.' });
      return sendPage(reply, passwordChangedPage());
    } catch (error) {
      if (error instanceof TooManyGuesses) return refused(429, { problem: error.message });
      if (error instanceof DomainError && error.code === 'weak-password')
        return refused(422, { wrong: { next: adviceIn(error)['password'] ?? error.message } });
      if (error instanceof DomainError && error.kind === 'unavailable') return refused(503, { problem: error.message });
      throw error;
    }
  }

  private get secure(): boolean {
    return this.config.ISSUER.startsWith('https:');
  }

  /** The second step, for who has a second factor; what was asked for in the first travels sealed. */
  @Post('factor')
  async changeWithFactor(@Body() body: unknown, @Req() request: FastifyRequest, @Res() reply: FastifyReply) {
    const { token, code, passed, challenge: sealed, answer } = factorForm.parse(body ?? {});
    const nonce = cookieOf(request, formCookie, this.secure);
    if (nonce === undefined || !isFormToken(token, nonce, this.config.COOKIE_KEYS)) throw new ForgedForm();
    const wish = wanted.safeParse(JSON.parse(this.sealing.open(passed, `new password:${nonce}`) ?? 'null'));
    if (!wish.success || wish.data.until < Date.now()) throw new ForgedForm();
    try {
      const { id, next } = wish.data;
      const right =
        answer === ''
          ? await this.factors.check(id, code, request.ip)
          : await this.passkeys.check(id, { page: `password:${nonce}`, sealed, answer, address: request.ip });
      if (!right)
        return await this.askForFactor(reply, nonce, wish.data, {
          status: 422,
          problem: 'This is not right, or was used already.',
        });
      if (!(await this.set(wish.data, next, request, reply))) throw new ForgedForm();
      return sendPage(reply, passwordChangedPage());
    } catch (error) {
      if (error instanceof TooManyGuesses)
        return this.askForFactor(reply, nonce, wish.data, { status: 429, problem: error.message });
      if (error instanceof DomainError && error.code === 'weak-password')
        return sendPage(
          reply,
          passwordPage({
            ...this.state(nonce),
            status: 422,
            wrong: { next: adviceIn(error)['password'] ?? error.message },
          }),
        );
      throw error;
    }
  }

  private async askForFactor(reply: FastifyReply, nonce: string, wish: Wish, why: Partial<FormState> = {}) {
    const passed = this.sealing.seal(JSON.stringify(wish), `new password:${nonce}`);
    const asked = await this.passkeys.askToSign(wish.id, `password:${nonce}`);
    const state = { ...this.state(nonce), ...why, uid: nonce, action: '/oidc/password/factor', hidden: { passed } };
    return sendPage(
      reply,
      factorPage(state, asked && { kind: 'use', asked, action: state.action, hidden: { token: state.token, passed } }),
    );
  }

  /** False where another password was set since the one that was shown. */
  private async set(
    { id, credentialsVersion }: Known,
    next: string,
    { ip }: FastifyRequest,
    reply: FastifyReply,
  ): Promise<boolean> {
    const version = await this.accounts.changePassword(id, next, ip, (tx) =>
      stillStands(tx, { id, credentialsVersion }),
    );
    if (version !== undefined) this.signIns.remember({ id, credentialsVersion: version }, reply);
    return version !== undefined;
  }

  private state(nonce: string) {
    return { token: formToken(nonce, this.config.COOKIE_KEYS), redirectUri: this.config.ISSUER };
  }
}
