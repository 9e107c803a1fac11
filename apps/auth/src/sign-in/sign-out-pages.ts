import type { KoaContextWithOIDC } from 'oidc-provider';
import { Html, html, page, type Page } from './html.ts';

/** Asks before a session ends: another site could send anybody here. `form` is the library's, with its own proof of where it comes from. */
export function signOutPage(ctx: KoaContextWithOIDC, form: string): void {
  const back = ctx.oidc.params?.['post_logout_redirect_uri'];
  const content = html`<p>The application you came from, and every other one you signed in to with this browser, will have to ask for your password again.</p>${new Html(form)}
<button form="op.logoutForm" name="logout" value="yes">Sign out</button> <button form="op.logoutForm">Stay signed in</button>`;
  send(ctx, page({ status: 200, title: 'Sign out?', leadsTo: typeof back === 'string' ? back : ctx.oidc.issuer }, content));
}

/** Where a sign-out ends that no application wants back. */
export function signedOutPage(ctx: KoaContextWithOIDC): void {
  send(ctx, page({ status: 200, title: 'Signed out' }, html`<p role="status">You are signed out, here and in every application that you signed in to with this browser.</p>`));
}

function send(ctx: KoaContextWithOIDC, { status, headers, body }: Page): void {
  ctx.status = status;
  ctx.set(headers);
  ctx.body = body;
}
