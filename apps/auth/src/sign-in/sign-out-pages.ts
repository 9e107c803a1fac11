import type { KoaContextWithOIDC } from 'oidc-provider';
import { Html, html, page, type Page } from './html.ts';

/** What a sign-out has ended: a browser's session, and sign-ins of programs, by their names. */
export interface Ended {
  readonly session: boolean;
  readonly programs: readonly string[];
}

const buttons = html`<button form="op.logoutForm" name="logout" value="yes">Sign out</button> <button form="op.logoutForm">Stay signed in</button>`;

/**
 * Asks before a session ends: another site could send anybody here. `form` is the library's, with its own proof of
 * where it comes from.
 */
export function signOutPage(ctx: KoaContextWithOIDC, form: string): void {
  const content = html`<p>The application you came from, and every other one you signed in to with this browser's session, will have to ask for your password again.</p>${new Html(form)}
${hintField(ctx)}${buttons}`;
  send(ctx, page({ status: 200, title: 'Sign out?', leadsTo: backFrom(ctx) }, content));
}

/** The same where the browser is not signed in any more, and the program that sends the person may be. */
export function hintPage(
  ctx: KoaContextWithOIDC,
  { action, xsrf, program }: { action: string; xsrf: string; program: string },
): void {
  const content = html`<p>This browser is not signed in any more, but <strong>${program}</strong> may be, here and wherever else you use it. It will have to ask for your password again.</p>
<form id="op.logoutForm" method="post" action="${action}"><input type="hidden" name="xsrf" value="${xsrf}"></form>
${hintField(ctx)}${buttons}`;
  send(ctx, page({ status: 200, title: 'Sign out?', leadsTo: backFrom(ctx) }, content));
}

/** Where a sign-out ends that no application wants back: what was ended. */
export function signedOutPage(ctx: KoaContextWithOIDC, { session, programs }: Ended): void {
  const here = session ? 'You are signed out in this browser.' : 'This browser was not signed in any more.';
  const there =
    programs.length > 0
      ? `No longer signed in: ${programs.join(', ')}.`
      : 'No application had a sign-in that this could end; one that still shows your data is signed out there.';
  send(
    ctx,
    page(
      { status: 200, title: session || programs.length > 0 ? 'Signed out' : 'Nothing to sign out' },
      html`<p role="status">${here} ${there}</p>`,
    ),
  );
}

/** After "Stay signed in". */
export function stillSignedInPage(ctx: KoaContextWithOIDC): void {
  send(ctx, page({ status: 200, title: 'Still signed in' }, html`<p role="status">Nothing was ended.</p>`));
}

function hintField({ oidc }: KoaContextWithOIDC): Html | undefined {
  const hint = oidc.params?.['id_token_hint'];
  return typeof hint === 'string'
    ? html`<input type="hidden" name="id_token_hint" value="${hint}" form="op.logoutForm">`
    : undefined;
}

function backFrom({ oidc }: KoaContextWithOIDC): string {
  const back = oidc.params?.['post_logout_redirect_uri'];
  return typeof back === 'string' ? back : oidc.issuer;
}

function send(ctx: KoaContextWithOIDC, { status, headers, body }: Page): void {
  ctx.remove('location');
  ctx.status = status;
  ctx.set(headers);
  ctx.body = body;
}
