import { meaningOf } from '../sign-in/consent-page.ts';
import { html, page, type Html, type Page } from '../sign-in/html.ts';
import { formPage, password, type FormState } from '../sign-in/pages.ts';
import type { Consent, OneSignIn } from './sign-ins-of.ts';

export interface AccountState {
  readonly token: string;
  readonly issuer: string;
  /** The browser's own session. */
  readonly here: string;
  readonly signIns: readonly OneSignIn[];
  readonly consents: readonly Consent[];
  /** Whether they have an authenticator app. */
  readonly hasFactor: boolean;
  /** What programs call themselves, by id. */
  readonly names: Readonly<Record<string, string>>;
}

const time = (at: Date) => `${at.toISOString().slice(0, 16).replace('T', ' ')} UTC`;

/** Each button says what it ends, also to who hears nothing but the button. */
export function accountPage(state: AccountState): Page {
  const named = (id: string) => state.names[id] ?? id;
  const signIns = state.signIns.map(
    ({
      session,
      clients,
      began,
      lastUsed,
    }) => html`<li>${session === state.here ? html`<strong>This browser</strong>` : 'A browser'}, since ${time(began)}, last used ${time(lastUsed)}${clients.length > 0 ? `, with ${clients.map(named).join(' and ')}` : undefined}
${ending(state, 'sign-in', session, `End the sign-in of ${time(began)}`)}</li>`,
  );
  const consents = state.consents.map(
    ({
      client,
      scopes,
      given,
    }) => html`<li><strong>${named(client)}</strong> may since ${time(given)}: ${meaningOf(scopes).join('; ')}.
${ending(state, 'consent', client, `Take back what ${named(client)} may`)}</li>`,
  );
  const content = html`<h2>Where you are signed in</h2><ul>${signIns}</ul>
${state.signIns.length > 1 ? ending(state, 'others', 'all', 'End all but this one') : undefined}
<h2>Programs of others</h2>${consents.length > 0 ? html`<ul>${consents}</ul>` : html`<p>None may do anything for you.</p>`}
<h2>Your account</h2><ul><li><a href="/oidc/password">Change your password</a></li><li><a href="/oidc/account/second-factor">${state.hasFactor ? 'Remove your authenticator app' : 'Add a second factor: an authenticator app'}</a></li><li><a href="/oidc/account/passkeys">Your passkeys</a></li><li><a href="/oidc/account/deletion">Delete your account</a></li></ul>`;
  return page({ status: 200, title: 'Your account', leadsTo: state.issuer }, content);
}

function ending({ token }: AccountState, what: string, which: string, words: string): Html {
  return html`<form method="post" action="/oidc/account/${what}"><input type="hidden" name="token" value="${token}"><input type="hidden" name="which" value="${which}"><button>${words}</button></form>`;
}

export function deletionPage(state: Omit<FormState, 'uid'>): Page {
  const help = html`<p>Your name, your address, your password and everything you are signed in to are gone at once, and cannot be brought back. Your orders stay in the shop's books without them.</p><p><a href="/oidc/account">Keep the account</a></p>`;
  return formPage('Delete my account', state, [password], help, 'Delete your account?');
}

export function deletedPage(): Page {
  return page(
    { status: 200, title: 'Your account is deleted' },
    html`<p role="status">What we knew of you is gone.</p>`,
  );
}
