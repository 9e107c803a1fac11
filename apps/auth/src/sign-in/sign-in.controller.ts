import { Body, Controller, Get, Param, Post, Req, Res, UseFilters } from '@nestjs/common';
import { registerAccount } from '@shop/contracts';
import { DomainError } from '@shop/kernel';
import { Public } from '@shop/platform';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { errors, Provider, type InteractionResults } from 'oidc-provider';
import { z } from 'zod';
import { Accounts } from '../accounts/accounts.ts';
import { retryAfterSeconds } from '../accounts/passwords.ts';
import { AuthConfig } from '../auth.config.ts';
import { formToken, isFormToken } from './form-token.ts';
import { registrationPage, signInPage, type FormState, type Page } from './pages.ts';
import { ForgedForm, SignInFailures } from './sign-in.failures.ts';

const field = z.string().max(1024).catch('');
const form = z.object({ token: field, name: field, email: field, password: field });
type Form = z.output<typeof form>;

const advice: Record<string, string> = {
  name: 'Tell us what to call you, in 100 characters at most.',
  email: 'This is not an email address.',
  password: 'Choose a password of 12 to 128 characters.',
};

/** The two pages a person sees on the way from an application to its tokens. The provider's cookie says which way that is. */
@Controller('oidc/interaction/:uid')
@Public()
@UseFilters(SignInFailures)
export class SignInController {
  constructor(
    private readonly provider: Provider,
    private readonly accounts: Accounts,
    private readonly config: AuthConfig,
  ) {}

  @Get()
  async signInForm(@Param('uid') uid: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply) {
    const { state, prompt } = await this.open(uid, request, reply);
    // Our own applications have everybody's consent: one that asks for it is answered at once.
    if (prompt === 'consent') return this.finish(request, reply, { consent: {} });
    return send(reply, signInPage(state));
  }

  @Post()
  async signIn(@Param('uid') uid: string, @Body() body: unknown, @Req() request: FastifyRequest, @Res() reply: FastifyReply) {
    const { state } = await this.open(uid, request, reply);
    return this.submit({ state, body, request, reply, show: signInPage }, async ({ email, password }) => {
      const identity = await this.accounts.authenticate(email, password);
      return identity?.id ?? { problem: 'This email address and password do not belong together.' };
    });
  }

  @Get('registration')
  async registrationForm(@Param('uid') uid: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply) {
    return send(reply, registrationPage((await this.open(uid, request, reply)).state));
  }

  @Post('registration')
  async register(@Param('uid') uid: string, @Body() body: unknown, @Req() request: FastifyRequest, @Res() reply: FastifyReply) {
    const { state } = await this.open(uid, request, reply);
    return this.submit({ state, body, request, reply, show: registrationPage }, async (values) => {
      const wanted = registerAccount.safeParse(values);
      if (!wanted.success) return { wrong: adviceOn(wanted.error.issues) };
      return (await this.accounts.register(wanted.data)).id;
    });
  }

  /** The interaction the cookie names, which must be the one the address names. */
  private async open(uid: string, request: FastifyRequest, reply: FastifyReply): Promise<{ state: FormState; prompt: string }> {
    const interaction = await this.provider.interactionDetails(request.raw, reply.raw);
    if (interaction.uid !== uid) throw new errors.SessionNotFound('another interaction');
    const state = { uid, token: formToken(uid, this.config.COOKIE_KEYS), redirectUri: String(interaction.params['redirect_uri']) };
    return { state, prompt: interaction.prompt.name };
  }

  /** Reads a form and does `act`, which names the account to sign in or says what to show above the form. */
  private async submit(sent: Submission, act: (values: Form) => Promise<string | Partial<FormState>>): Promise<unknown> {
    const { state, body, request, reply, show } = sent;
    const values = form.parse(body ?? {});
    if (!isFormToken(values.token, state.uid, this.config.COOKIE_KEYS)) throw new ForgedForm();
    const outcome = await act(values).catch(refusal);
    if (typeof outcome === 'string') return this.finish(request, reply, { login: { accountId: outcome, amr: ['pwd'], remember: false } });
    return send(reply, show({ status: 422, ...state, ...outcome, values: { name: values.name, email: values.email } }));
  }

  private async finish(request: FastifyRequest, reply: FastifyReply, result: InteractionResults) {
    return reply.redirect(await this.provider.interactionResult(request.raw, reply.raw, result), 303);
  }
}

interface Submission {
  readonly state: FormState;
  readonly body: unknown;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly show: (state: FormState) => Page;
}

/** What to do about each field that the contract refuses. */
function adviceOn(issues: readonly { readonly path: readonly PropertyKey[] }[]): Record<string, string> {
  return Object.fromEntries(issues.map(({ path }) => [String(path[0]), advice[String(path[0])] ?? 'This cannot be taken.']));
}

/** A rule that says no is said above the form; anything else is not the form's matter. */
function refusal(error: unknown): Partial<FormState> {
  if (!(error instanceof DomainError)) throw error;
  return { status: error.kind === 'unavailable' ? 503 : 409, problem: error.message };
}

function send(reply: FastifyReply, { status, headers, body }: Page) {
  if (status === 503) void reply.header('retry-after', retryAfterSeconds);
  return reply.status(status).headers(headers).send(body);
}
