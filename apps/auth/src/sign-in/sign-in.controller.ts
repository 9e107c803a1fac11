import { Body, Controller, Get, Param, Post, Req, Res, UseFilters } from '@nestjs/common';
import { registerAccount } from '@shop/contracts';
import { DomainError, type DomainErrorKind } from '@shop/kernel';
import { Produces, Public } from '@shop/platform';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { errors, type InteractionResults } from 'oidc-provider';
import { z } from 'zod';
import type { Identity } from '../accounts/accounts.ts';
import { Registrations } from '../accounts/registrations.ts';
import { Audit } from '../audit/audit.ts';
import { AuthConfig } from '../auth.config.ts';
import { Factors } from '../factors/factors.ts';
import { factorAdvicePage, factorPage } from '../factors/pages.ts';
import { accountClient, ourClients } from '../oidc/clients.ts';
import { powersOf } from '../oidc/powers.ts';
import { grantTo, missingScopes } from '../oidc/grants.ts';
import { MailRequests } from '../mailbox/mail-requests.ts';
import { Passkeys } from '../passkeys/passkeys.ts';
import { ProviderHost } from '../oidc/provider-host.ts';
import { Sealing } from '../oidc/sealing.ts';
import { adviceIn, adviceOn } from './advice.ts';
import { consentPage } from './consent-page.ts';
import { formToken, isFormToken } from './form-token.ts';
import { TooManyGuesses } from './guess-limits.ts';
import type { Page } from './html.ts';
import { registrationPage, signInPage, type FormState } from './pages.ts';
import { sendPage } from './send-page.ts';
import { ForgedForm, SignInFailures } from './sign-in.failures.ts';
import { SignIns } from './sign-ins.ts';

const field = z.string().max(1024).catch('');
const form = z.object({
  token: field,
  name: field,
  email: field,
  password: field,
  answer: field,
  code: field,
  passed: field,
});
/** What a browser makes of a passkey is longer than what people type. */
const passkeyForm = z.object({ challenge: field, answer: z.string().max(8_192).catch('') });

/** Who passed the first step, which is good for five minutes and this sign-in. */
const firstStep = z.object({ id: z.string(), credentialsVersion: z.int(), until: z.number() });
const secondStepMs = 5 * 60_000;
/** What the page after the first step is for: neither opens what the other sealed. */
type Passed = Pick<Identity, 'id' | 'credentialsVersion'> & { readonly until?: number };
type NextStep = 'first step' | 'no factor';
type Form = z.output<typeof form>;

/**
 * The pages a person sees on the way from an application to its tokens. The provider's cookie says which way that is.
 */
@Controller('oidc/interaction/:uid')
@Public()
@Produces('text/html')
@UseFilters(SignInFailures)
export class SignInController {
  private readonly sealing: Sealing;

  constructor(
    private readonly host: ProviderHost,
    private readonly registrations: Registrations,
    private readonly requests: MailRequests,
    private readonly signIns: SignIns,
    private readonly audit: Audit,
    private readonly factors: Factors,
    private readonly passkeys: Passkeys,
    private readonly config: AuthConfig,
  ) {
    this.sealing = new Sealing(config.COOKIE_KEYS);
  }

  @Get()
  async signInForm(@Param('uid') uid: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply) {
    const { state, prompt, client, scopes } = await this.open(uid, request, reply);
    if (prompt !== 'consent') return sendPage(reply, signInPage(state));
    // Our own applications have everybody's consent: one that asks for it is answered at once.
    if (ourClients.has(client.id)) return this.finish(request, reply, { consent: {} });
    return sendPage(reply, consentPage({ ...state, client: client.name, scopes }));
  }

  @Post()
  async signIn(
    @Param('uid') uid: string,
    @Body() body: unknown,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ) {
    const { state, prompt, client } = await this.open(uid, request, reply);
    if (prompt === 'consent') return this.consent(uid, body, request, reply);
    return this.submit({ state, body, request, reply, show: signInPage }, async ({ email, password }) => {
      const identity = await this.signIns.check(email, password, { request, client: client.id });
      if (identity?.verified === false) await this.requests.request('verify-address', email);
      if (!identity) return { problem: 'This email address and password do not belong together.' };
      if (await this.factors.has(identity.id)) return { show: await this.codePage(state, identity) };
      const { withheld } = powersOf({ client: client.id, roles: identity.roles, amr: ['pwd'] });
      return withheld.length > 0 && client.id !== accountClient
        ? { show: this.advicePage(state, identity) }
        : this.remembered(identity, reply);
    });
  }

  /**
   * The second step, for who has a second factor: who passed the first travels sealed in the form, so nothing is stored
   * in between.
   */
  @Post('factor')
  async secondStep(
    @Param('uid') uid: string,
    @Body() body: unknown,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ) {
    const { state } = await this.open(uid, request, reply);
    const { code } = form.parse(body ?? {});
    const first = this.passedFirst(uid, body, 'first step');
    try {
      if (await this.factors.check(first.id, code, request.ip))
        return await this.finish(request, reply, this.remembered(first, reply, ['pwd', 'otp', 'mfa']));
      return sendPage(
        reply,
        await this.codePage({ ...state, status: 422, problem: 'This code is not right, or was used already.' }, first),
      );
    } catch (error) {
      if (!(error instanceof TooManyGuesses)) throw error;
      return sendPage(reply, await this.codePage({ ...state, status: 429, problem: error.message }, first));
    }
  }

  /** The second step by a passkey, in the place of a code. */
  @Post('passkey')
  async passkeyStep(
    @Param('uid') uid: string,
    @Body() body: unknown,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ) {
    const { state } = await this.open(uid, request, reply);
    const { challenge: sealed, answer } = passkeyForm.parse(body ?? {});
    const first = this.passedFirst(uid, body, 'first step');
    const refused = async (status: number, problem: string) =>
      sendPage(reply, await this.codePage({ ...state, status, problem }, first));
    try {
      if (await this.passkeys.check(first.id, { page: uid, sealed, answer, address: request.ip }))
        return await this.finish(request, reply, this.remembered(first, reply, ['pwd', 'pop', 'mfa']));
      return await refused(422, 'This passkey is not one of yours, or was not used in time.');
    } catch (error) {
      if (!(error instanceof TooManyGuesses)) throw error;
      return refused(429, error.message);
    }
  }

  /** For an admin without a second factor, who goes on as a customer. */
  @Post('without-factor')
  async goOn(
    @Param('uid') uid: string,
    @Body() body: unknown,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ) {
    await this.open(uid, request, reply);
    const first = this.passedFirst(uid, body, 'no factor');
    // Added meanwhile: then it is asked for.
    if (await this.factors.has(first.id)) throw new ForgedForm();
    return this.finish(request, reply, this.remembered(first, reply));
  }

  @Get('registration')
  async registrationForm(@Param('uid') uid: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply) {
    return sendPage(reply, registrationPage((await this.open(uid, request, reply)).state));
  }

  @Post('registration')
  async register(
    @Param('uid') uid: string,
    @Body() body: unknown,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ) {
    const { state, client } = await this.open(uid, request, reply);
    return this.submit({ state, body, request, reply, show: registrationPage }, async (values) => {
      const wanted = registerAccount.safeParse(values);
      if (!wanted.success) return { wrong: adviceOn(wanted.error.issues) };
      const { id } = await this.registrations.register(wanted.data, { client: client.id, address: request.ip });
      return this.remembered({ id, credentialsVersion: firstVersion }, reply);
    });
  }

  /** The answer to the consent page. */
  private async consent(uid: string, body: unknown, request: FastifyRequest, reply: FastifyReply) {
    const { provider } = this.host;
    const { client, account, scopes } = await this.open(uid, request, reply);
    const { token, answer } = form.parse(body ?? {});
    if (!isFormToken(token, uid, this.config.COOKIE_KEYS) || account === undefined) throw new ForgedForm();
    const around = { account, client: client.id, address: request.ip, details: { scopes } };
    if (answer !== 'allow') {
      await this.audit.note('consent-refused', around);
      return this.finish(request, reply, { error: 'access_denied', error_description: 'The person did not allow it.' });
    }
    await this.audit.note('consented', around);
    return this.finish(request, reply, {
      consent: { grantId: await grantTo(provider, { client: client.id, account, scopes }) },
    });
  }

  /** The interaction the cookie names, which must be the one the address names. */
  private async open(uid: string, request: FastifyRequest, reply: FastifyReply) {
    const { provider } = this.host;
    const { params, prompt, session, uid: found } = await provider.interactionDetails(request.raw, reply.raw);
    if (found !== uid) throw new errors.SessionNotFound('another interaction');
    const clientId = String(params['client_id']);
    const client = await provider.Client.find(clientId);
    const state = { uid, token: formToken(uid, this.config.COOKIE_KEYS), redirectUri: String(params['redirect_uri']) };
    return {
      state,
      prompt: prompt.name,
      client: { id: clientId, name: client?.clientName ?? clientId },
      account: session?.accountId,
      scopes: missingScopes(prompt.details),
    };
  }

  /** Reads a form and does `act`, which says who is signed in, or what to show above the form. */
  private async submit(
    sent: Submission,
    act: (values: Form) => Promise<InteractionResults | { show: Page } | Partial<FormState>>,
  ): Promise<unknown> {
    const { state, body, request, reply, show } = sent;
    const values = form.parse(body ?? {});
    if (!isFormToken(values.token, state.uid, this.config.COOKIE_KEYS)) throw new ForgedForm();
    const outcome = await act(values).catch(refusal);
    if ('login' in outcome) return this.finish(request, reply, outcome);
    if ('show' in outcome) return sendPage(reply, outcome.show as Page);
    return sendPage(
      reply,
      show({ status: 422, ...state, ...outcome, values: { name: values.name, email: values.email } }),
    );
  }

  /** A sign-in that is whole: from now on the browser is known. */
  private remembered(who: Passed, reply: FastifyReply, amr?: string[]): InteractionResults {
    this.signIns.remember(who, reply);
    return proved(who, amr);
  }

  /** `until`: the first step is good for five minutes from when it was passed, however often the second is tried. */
  private async codePage(state: FormState, identity: Passed): Promise<Page> {
    const passed = this.sealPassed(state.uid, identity, 'first step');
    const asked = await this.passkeys.askToSign(identity.id, state.uid);
    return factorPage(
      { ...state, action: `/oidc/interaction/${state.uid}/factor`, hidden: { passed } },
      asked && {
        kind: 'use',
        asked,
        action: `/oidc/interaction/${state.uid}/passkey`,
        hidden: { token: state.token, passed },
      },
    );
  }

  private advicePage(state: FormState, identity: Passed): Page {
    return factorAdvicePage({
      ...state,
      action: `/oidc/interaction/${state.uid}/without-factor`,
      hidden: { passed: this.sealPassed(state.uid, identity, 'no factor') },
    });
  }

  private sealPassed(
    uid: string,
    { id, credentialsVersion, until = Date.now() + secondStepMs }: Passed,
    next: NextStep,
  ): string {
    return this.sealing.seal(JSON.stringify({ id, credentialsVersion, until }), `${next}:${uid}`);
  }

  /** Who passed the first step of this sign-in, for this next step. Throws ForgedForm. */
  private passedFirst(uid: string, body: unknown, next: NextStep): z.output<typeof firstStep> {
    const { token, passed } = form.parse(body ?? {});
    const first = firstStep.safeParse(JSON.parse(this.sealing.open(passed, `${next}:${uid}`) ?? 'null'));
    if (!isFormToken(token, uid, this.config.COOKIE_KEYS) || !first.success || first.data.until < Date.now())
      throw new ForgedForm();
    return first.data;
  }

  private async finish(request: FastifyRequest, reply: FastifyReply, result: InteractionResults) {
    return reply.redirect(await this.host.provider.interactionResult(request.raw, reply.raw, result), 303);
  }
}

interface Submission {
  readonly state: FormState;
  readonly body: unknown;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly show: (state: FormState) => Page;
}

/** The credentials' version of an account that was just made. */
const firstVersion = 1;

/** Who has signed in, and by which credentials: when these have changed meanwhile, the sign-in cannot be finished. */
function proved(
  { id, credentialsVersion }: Pick<Identity, 'id' | 'credentialsVersion'>,
  amr = ['pwd'],
): InteractionResults {
  return { login: { accountId: id, amr, remember: false, credentialsVersion } };
}

const statuses: Partial<Record<DomainErrorKind, number>> = { unavailable: 503, forbidden: 403 };

/** A rule that says no is said above the form; anything else is not the form's matter. */
function refusal(error: unknown): Partial<FormState> {
  if (error instanceof TooManyGuesses) return { status: 429, problem: error.message };
  if (!(error instanceof DomainError)) throw error;
  if (error.kind === 'invalid') return { wrong: adviceIn(error) };
  return { status: statuses[error.kind] ?? 409, problem: error.message };
}
