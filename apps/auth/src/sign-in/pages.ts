import { createHash } from 'node:crypto';
import type { KoaContextWithOIDC } from 'oidc-provider';

/** A piece of HTML whose inserted values are escaped already. */
class Html {
  constructor(readonly text: string) {}
}

function html(strings: TemplateStringsArray, ...values: (string | Html | Html[] | undefined)[]): Html {
  const inserted = values.map((value) =>
    value === undefined ? '' : value instanceof Html ? value.text : Array.isArray(value) ? value.map((item) => item.text).join('') : escaped(value),
  );
  return new Html(String.raw({ raw: strings }, ...inserted));
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escaped = (value: string) => value.replace(/[&<>"']/g, (character) => entities[character]!);

const style = `
:root { color-scheme: light dark; font: 1.05rem/1.5 system-ui, sans-serif }
body { max-width: 24rem; margin: 12vh auto; padding: 0 1rem }
label { display: block; margin-top: 1rem; font-weight: 600 }
input { box-sizing: border-box; width: 100%; padding: .6rem; font: inherit; border: 1px solid GrayText; border-radius: .3rem }
button { margin: 1.5rem 0 1rem; padding: .7rem 1.4rem; font: inherit; font-weight: 600 }
input:focus-visible, button:focus-visible, a:focus-visible { outline: 3px solid Highlight; outline-offset: 2px }
[role=alert], .wrong { color: #b00020 }
@media (prefers-color-scheme: dark) { [role=alert], .wrong { color: #ff8a9a } }
`;
const styleHash = createHash('sha256').update(style).digest('base64');

/** A whole page: its status, its headers and its text. */
export interface Page {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string;
}

interface Frame {
  readonly status: number;
  readonly title: string;
  readonly heading?: string;
  /** Where an answer to the page's form leads in the end; a page without one has no form. */
  readonly leadsTo?: string;
}

/** Nothing but our own style runs or loads. `form-action` covers redirects too (https://github.com/w3c/webappsec-csp/issues/8). */
function page({ status, title, heading = title, leadsTo }: Frame, content: Html): Page {
  const formAction = leadsTo ? `'self' ${new URL(leadsTo).origin}` : `'none'`;
  return {
    status,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy':
        `default-src 'none'; style-src 'sha256-${styleHash}'; form-action ${formAction}; base-uri 'none'; frame-ancestors 'none'`,
      'x-frame-options': 'DENY',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'same-origin',
      'cache-control': 'no-store',
    },
    body: html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${title}</title><style>${new Html(style)}</style></head>
<body><main><h1>${heading}</h1>${content}</main></body>
</html>
`.text,
  };
}

/** What a form page is about: the interaction it belongs to, and what was said and wrong the last time. */
export interface FormState {
  readonly uid: string;
  /** Proves that the form was sent from our page. */
  readonly token: string;
  /** Where a finished sign-in leads. */
  readonly redirectUri: string;
  readonly status?: number;
  readonly values?: Readonly<Record<string, string>>;
  /** What went wrong with the whole form. */
  readonly problem?: string | undefined;
  /** What is wrong with a field, by its name. */
  readonly wrong?: Readonly<Record<string, string>>;
}

interface Field {
  readonly name: string;
  readonly label: string;
  readonly type: 'text' | 'email' | 'password';
  readonly autocomplete: string;
}

const email: Field = { name: 'email', label: 'Email address', type: 'email', autocomplete: 'username' };
const password: Field = { name: 'password', label: 'Password', type: 'password', autocomplete: 'current-password' };
const newPassword: Field = { ...password, label: 'Password, of 12 characters or more', autocomplete: 'new-password' };
const fullName: Field = { name: 'name', label: 'Name', type: 'text', autocomplete: 'name' };

export function signInPage(state: FormState): Page {
  const elsewhere = html`<p>New here? <a href="${state.uid}/registration">Create an account</a>.</p>`;
  return formPage('Sign in', state, [email, password], elsewhere);
}

export function registrationPage(state: FormState): Page {
  const elsewhere = html`<p>You have an account? <a href="../${state.uid}">Sign in</a>.</p>`;
  return formPage('Create an account', state, [fullName, email, newPassword], elsewhere);
}

/** A page that ends here: an expired sign-in, a request the provider refuses. */
export function failurePage(status: number, title: string, detail: string): Page {
  return page({ status, title }, html`<p role="alert">${detail}</p>`);
}

/** How oidc-provider shows a person what it cannot send back to the application. */
export function renderFailure(ctx: KoaContextWithOIDC, out: { error: string; error_description?: string | undefined }): void {
  const refused = `${out.error}: ${out.error_description ?? 'no more is known'}`;
  const { status, headers, body } = failurePage(ctx.status, 'This cannot be done', ctx.status >= 500 ? 'Try again in a few seconds.' : refused);
  ctx.status = status;
  ctx.set(headers);
  ctx.body = body;
}

/** The form has no action: it is sent to where it was shown. */
function formPage(title: string, state: FormState, fields: Field[], elsewhere: Html): Page {
  const failed = Boolean(state.problem) || Object.keys(state.wrong ?? {}).length > 0;
  const content = html`${state.problem ? html`<p role="alert">${state.problem}</p>` : undefined}
<form method="post"><input type="hidden" name="token" value="${state.token}">
${fields.map((field) => fieldHtml(field, state))}<button>${title}</button></form>
${elsewhere}`;
  return page({ status: state.status ?? 200, title: failed ? `Error: ${title}` : title, heading: title, leadsTo: state.redirectUri }, content);
}

/** A password is never sent back. */
function fieldHtml({ name, label, type, autocomplete }: Field, { values, wrong }: FormState): Html {
  const reason = wrong?.[name];
  return html`<label for="${name}">${label}</label>
<input id="${name}" name="${name}" type="${type}" autocomplete="${autocomplete}" required value="${type === 'password' ? '' : values?.[name]}"${
    reason ? html` aria-invalid="true" aria-describedby="${name}-wrong"` : undefined}>
${reason ? html`<div class="wrong" id="${name}-wrong">${reason}</div>` : undefined}`;
}
