import { html, page, type Html, type Page } from '../sign-in/html.ts';
import type { Asked, OwnPasskey } from './passkeys.ts';

export interface PasskeysState {
  readonly token: string;
  readonly issuer: string;
  readonly passkeys: readonly OwnPasskey[];
  /** What the browser is asked when one is added; undefined where browsers make none. */
  readonly asked: Asked | undefined;
  readonly status?: number;
  readonly problem?: string | undefined;
}

const day = (at: Date) => at.toISOString().slice(0, 10);

/** The passkeys of an account, each with its name, and a form that adds one. */
export function passkeysPage({ token, issuer, passkeys, asked, status = 200, problem }: PasskeysState): Page {
  const own = passkeys.map(({ id, name, createdAt, lastUsedAt }, index) => {
    const hidden = html`<input type="hidden" name="token" value="${token}"><input type="hidden" name="which" value="${id}">`;
    return html`<li><strong>${name}</strong>, added ${day(createdAt)}, ${lastUsedAt ? `last used ${day(lastUsedAt)}` : 'never used'}.
<form method="post" action="/oidc/account/passkeys/name">${hidden}<label for="name-${String(index)}">Another name for ${name}</label><input id="name-${String(index)}" name="name" maxlength="60" required value="${name}"><button>Rename ${name}</button></form>
<form method="post" action="/oidc/account/passkeys/removal">${hidden}<button>Remove ${name}</button></form></li>`;
  });
  const add = asked
    ? html`<h2>Add a passkey</h2>${passkeyForm({ kind: 'make', asked, action: '/oidc/account/passkeys', hidden: { token } }, html`<label for="new-name">Name, as you will know it by</label><input id="new-name" name="name" maxlength="60" required value="My passkey"><button>Add a passkey</button>`)}`
    : html`<p>Browsers make no passkeys for an address without a name. Add an authenticator app instead.</p>`;
  const content = html`${problem ? html`<p role="alert">${problem}</p>` : undefined}<p>A passkey is asked for after your password, instead of a code.</p>
${own.length > 0 ? html`<ul>${own}</ul>` : html`<p>You have none.</p>`}${add}<p><a href="/oidc/account">Back to your account</a></p>`;
  return page(
    {
      status,
      title: problem ? 'Error: Your passkeys' : 'Your passkeys',
      heading: 'Your passkeys',
      leadsTo: issuer,
      scripts: true,
    },
    content,
  );
}

export interface PasskeyForm {
  readonly kind: 'make' | 'use';
  readonly asked: Asked;
  readonly action: string;
  readonly hidden: Readonly<Record<string, string>>;
}

/** A form whose button asks the browser for a passkey (scripts.ts). */
export function passkeyForm({ kind, asked, action, hidden }: PasskeyForm, content: Html): Html {
  const carried = Object.entries({ ...hidden, challenge: asked.sealed, answer: '' }).map(
    ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`,
  );
  return html`<form method="post" action="${action}" data-passkey="${kind}" data-options="${asked.options}">${carried}${content}<p role="status"></p></form>`;
}
