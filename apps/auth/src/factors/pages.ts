import { passkeyForm, type PasskeyForm } from '../passkeys/pages.ts';
import { html, page, type Page } from '../sign-in/html.ts';
import { codeField, formPage, password, type FormState } from '../sign-in/pages.ts';

type State = Omit<FormState, 'uid'>;

/** The second step of a sign-in; `hidden` says who passed the first. */
export function factorPage(state: FormState, passkey?: PasskeyForm): Page {
  const byPasskey =
    passkey && html`<h2>Or without a code</h2>${passkeyForm(passkey, html`<button>Use a passkey</button>`)}`;
  return formPage(
    'Go on',
    { ...state, scripts: passkey !== undefined },
    [codeField],
    html`<p>You have lost the app? Enter one of your recovery codes instead.</p>${byPasskey}`,
    'Your code',
  );
}

/** For an admin who has none: what they may do until then, and where it is added. */
export function factorAdvicePage(state: FormState): Page {
  const help = html`<p role="status">You are an admin of this shop, and an admin signs in with a second factor. Until you have one, you may do here what a customer may.</p>
<p><a href="/oidc/account/second-factor">Add a second factor</a>, then sign in again.</p>`;
  return formPage('Go on as a customer', state, [], help, 'Add a second factor to act as admin');
}

export function addFactorPage(state: State, { secret, uri }: { secret: string; uri: string }): Page {
  const help = html`<h2>What to do</h2><p>Enter this key into an authenticator app, or <a href="${uri}">open it there</a>, and type the code that it shows.</p>
<p><strong>${secret.replace(/(.{4})(?=.)/g, '$1 ')}</strong></p><p><a href="/oidc/account">Back to your account</a></p>`;
  return formPage('Ask for a code from now on', state, [password, codeField], help, 'A second factor');
}

export function recoveryCodesPage(codes: readonly string[]): Page {
  const content = html`<p role="status">From now on a sign-in takes your password and a code of the app.</p><p>Print these. Each replaces one code when you have lost the app, and they are not shown again:</p>
<ul>${codes.map((code) => html`<li><code>${code}</code></li>`)}</ul><p><a href="/oidc/account">Back to your account</a></p>`;
  return page({ status: 200, title: 'Your recovery codes' }, content);
}

export function removeFactorPage(state: State): Page {
  return formPage(
    'Remove the second factor',
    state,
    [password, codeField],
    html`<p><a href="/oidc/account">Keep it</a></p>`,
    'Remove your second factor?',
  );
}
