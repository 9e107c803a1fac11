import type { KoaContextWithOIDC } from 'oidc-provider';
import { html, page, type Html, type Page } from './html.ts';

/** What a form page is about: the interaction it belongs to, and what was said and wrong the last time. */
export interface FormState {
  readonly uid: string;
  /** Proves that the form was sent from our page. */
  readonly token: string;
  /** What else the form carries, by name. */
  readonly hidden?: Readonly<Record<string, string>>;
  /** Where the form is sent, when not to where it was shown. */
  readonly action?: string;
  /** Where a finished sign-in leads. */
  readonly redirectUri: string;
  /** Whether the page uses passkeys. */
  readonly scripts?: boolean;
  readonly status?: number;
  readonly values?: Readonly<Record<string, string>>;
  /** What went wrong with the whole form. */
  readonly problem?: string | undefined;
  /** What is wrong with a field, by its name. */
  readonly wrong?: Readonly<Record<string, string>>;
}

export interface Field {
  readonly name: string;
  readonly label: string;
  readonly type: 'text' | 'email' | 'password' | 'checkbox';
  readonly autocomplete: string;
}

export const email: Field = { name: 'email', label: 'Email address', type: 'email', autocomplete: 'username' };
export const password: Field = {
  name: 'password',
  label: 'Password',
  type: 'password',
  autocomplete: 'current-password',
};
export const newPassword: Field = {
  ...password,
  label: 'Password, of 12 characters or more',
  autocomplete: 'new-password',
};
export const codeField: Field = { name: 'code', label: 'Code', type: 'text', autocomplete: 'one-time-code' };
export const fullName: Field = { name: 'name', label: 'Name', type: 'text', autocomplete: 'name' };

export function signInPage(state: FormState): Page {
  const elsewhere = html`<p>New here? <a href="${state.uid}/registration">Create an account</a>. Forgot your password? <a href="/oidc/recovery">Set a new one</a>. Somebody knows it? <a href="/oidc/password">Change it</a>.</p>`;
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
export function renderFailure(
  ctx: KoaContextWithOIDC,
  out: { error: string; error_description?: string | undefined },
): void {
  const refused = `${out.error}: ${out.error_description ?? 'no more is known'}`;
  const { status, headers, body } = failurePage(
    ctx.status,
    'This cannot be done',
    ctx.status >= 500 ? 'Try again in a few seconds.' : refused,
  );
  ctx.status = status;
  ctx.set(headers);
  ctx.body = body;
}

/** A form without an action is sent to where it was shown. `title` is what its button says. */
export function formPage(
  title: string,
  state: Omit<FormState, 'uid'>,
  fields: Field[],
  elsewhere: Html,
  heading = title,
): Page {
  const failed = Boolean(state.problem) || Object.keys(state.wrong ?? {}).length > 0;
  const content = html`${state.problem ? html`<p role="alert">${state.problem}</p>` : undefined}
<form method="post"${state.action === undefined ? undefined : html` action="${state.action}"`}><input type="hidden" name="token" value="${state.token}">
${Object.entries(state.hidden ?? {}).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}
${fields.map((field) => fieldHtml(field, state))}<button>${title}</button></form>
${elsewhere}`;
  return page(
    {
      status: state.status ?? 200,
      title: failed ? `Error: ${heading}` : heading,
      heading,
      leadsTo: state.redirectUri,
      scripts: state.scripts ?? false,
    },
    content,
  );
}

/** A password is never sent back. */
function fieldHtml(
  { name, label, type, autocomplete }: Field,
  { values, wrong }: Pick<FormState, 'values' | 'wrong'>,
): Html {
  if (type === 'checkbox')
    return html`<label for="${name}"><input id="${name}" name="${name}" type="checkbox" value="yes"> ${label}</label>`;
  const reason = wrong?.[name];
  return html`<label for="${name}">${label}</label>
<input id="${name}" name="${name}" type="${type}" autocomplete="${autocomplete}" required value="${type === 'password' ? '' : values?.[name]}"${
    reason ? html` aria-invalid="true" aria-describedby="${name}-wrong"` : undefined
  }>
${reason ? html`<div class="wrong" id="${name}-wrong">${reason}</div>` : undefined}`;
}
