import { html, page, type Page } from '../sign-in/html.ts';
import { email, formPage, newPassword, password, type FormState } from '../sign-in/pages.ts';

const fields = [
  email,
  { ...password, label: 'Your password now' },
  { ...newPassword, name: 'next', label: 'Your new password, of 12 characters or more' },
];

export function passwordPage(state: Omit<FormState, 'uid'>): Page {
  return formPage(
    'Change your password',
    state,
    fields,
    html`<p>Everybody who is signed in to your account, you too, will have to sign in with the new password.</p>`,
  );
}

export function passwordChangedPage(): Page {
  return page(
    { status: 200, title: 'Your password is changed' },
    html`<p role="status">Every sign-in to your account has ended. Go back to the application and sign in with the new password.</p>`,
  );
}
