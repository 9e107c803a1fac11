import type { Database } from '@shop/platform';
import { errors, type KoaContextWithOIDC, type Provider } from 'oidc-provider';
import type { Audit } from '../audit/audit.ts';
import { hintPage, signedOutPage, stillSignedInPage, type Ended } from '../sign-in/sign-out-pages.ts';
import { endFamilies, endSession } from './end-sign-ins.ts';

/** Who an application says has signed in there: what the library verified of its ID token. */
interface Hint {
  readonly account: string;
  readonly client: string;
}

/** A hint of another person than the browser's session: whom to sign out is not known, so nothing is ended. */
export function refuseOthersHint({ oidc }: KoaContextWithOIDC): void {
  const hinted = hintOf(oidc.entities.IdTokenHint)?.account;
  if (hinted !== undefined && hinted !== oidc.session?.accountId)
    throw new errors.InvalidRequest('id_token_hint is of somebody else than is signed in in this browser');
}

/**
 * Makes sign-out end what its page says. The library ends a browser's session only; whoever signs out is out of every
 * application that this session signed in to, and, by the ID token that an application shows, of that application, also
 * when the session is over or its cookie is lost.
 */
export function endOnSignOut(provider: Provider, { database, audit }: { database: Database; audit: Audit }): void {
  provider.use(async (context, next) => {
    await next();
    const ctx = context as unknown as KoaContextWithOIDC;
    // Absent where no route of the library's was met.
    const { route } = (ctx.oidc as KoaContextWithOIDC['oidc'] | undefined) ?? {};
    if (route === 'end_session') askByHint(ctx);
    if (route === 'end_session_confirm' && ctx.status === 303) await confirmed(ctx, { database, audit });
  });
}

/**
 * Without a session the library would sign out unasked. Where there is something to end, the person is asked as ever.
 */
function askByHint(ctx: KoaContextWithOIDC): void {
  const { session, entities, client } = ctx.oidc;
  if (ctx.status !== 200 || session?.accountId !== undefined || entities.IdTokenHint === undefined || !client) return;
  hintPage(ctx, {
    action: ctx.oidc.urlFor('end_session_confirm'),
    xsrf: String(session?.state?.['secret']),
    program: client.clientName ?? client.clientId,
  });
}

async function confirmed(
  ctx: KoaContextWithOIDC,
  { database, audit }: { database: Database; audit: Audit },
): Promise<void> {
  const { params, session } = ctx.oidc;
  // Back to the application, if it wants the person back; else to a page, which is shown at once because it says what
  // happened.
  const shown =
    new URL(ctx.response.get('location'), ctx.oidc.issuer).pathname ===
    new URL(ctx.oidc.urlFor('end_session_success')).pathname;
  if (!params?.['logout']) return shown ? stillSignedInPage(ctx) : undefined;
  const hint = await shownAgain(ctx);
  const ended: Ended = { session: session?.accountId !== undefined, programs: [] };
  const programs = new Set<string>();
  if (session?.accountId !== undefined)
    for (const client of await endSession(database, session.uid)) programs.add(client);
  if (hint && (await endFamilies(database, hint)) > 0) programs.add(hint.client);
  const account = session?.accountId ?? hint?.account;
  if (account !== undefined) {
    const details = { session: ended.session, programs: [...programs] };
    await audit.note('signed-out', { account, client: ctx.oidc.client?.clientId, address: ctx.ip, details });
  }
  if (shown) signedOutPage(ctx, { ...ended, programs: await namesOf(ctx, programs) });
}

/** The form carries the ID token along, which proves itself once more: nothing is kept between the two requests. */
async function shownAgain({ oidc }: KoaContextWithOIDC): Promise<Hint | undefined> {
  const token = oidc.body?.['id_token_hint'];
  if (typeof token !== 'string' || !oidc.client) return undefined;
  const hint = hintOf(await oidc.provider.IdToken.validate(token, oidc.client).catch(() => undefined));
  return oidc.session?.accountId === undefined || oidc.session.accountId === hint?.account ? hint : undefined;
}

function hintOf(token: unknown): Hint | undefined {
  const { sub, aud } = (token as { payload?: { sub?: unknown; aud?: unknown } } | undefined)?.payload ?? {};
  return typeof sub === 'string' && typeof aud === 'string' ? { account: sub, client: aud } : undefined;
}

function namesOf({ oidc }: KoaContextWithOIDC, programs: ReadonlySet<string>): Promise<string[]> {
  return Promise.all([...programs].map(async (id) => (await oidc.provider.Client.find(id))?.clientName ?? id));
}
