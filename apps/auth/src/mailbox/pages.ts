import { html, page, type Page } from '../sign-in/html.ts';
import { email, formPage, fullName, newPassword, password, type Field, type FormState } from '../sign-in/pages.ts';

type State = Omit<FormState, 'uid'>;

/** Asks for the password too, so that who never registered here cannot bless a stranger's account with one click. */
export function verificationPage(state: State, address: string): Page {
  const help = html`<p>This is for <strong>${address}</strong>. You did not register here, or forgot the password? <a href="/oidc/recovery">Set a new one</a>: the account is then yours alone.</p>`;
  return formPage('Confirm your email address', state, [password], help);
}

export function verifiedPage(): Page {
  return page(
    { status: 200, title: 'Your address is confirmed' },
    html`<p role="status">Mails about your orders go there from now on. You can close this page.</p>`,
  );
}

export function recoveryPage(state: State): Page {
  return formPage(
    'Send a link',
    state,
    [email],
    html`<p>It leads to a page where you set a new password, and works for half an hour.</p>`,
    'Forgot your password?',
  );
}

/** The same, whoever has an account. */
export function linkSentPage(): Page {
  return page(
    { status: 200, title: 'Look into your mailbox' },
    html`<p role="status">If there is an account with this address, a mail with a link is on its way. Asked for again within a minute, none is sent.</p>`,
  );
}

/** An account that nobody proved yet may have been made by a stranger: its owner also says what to call them. */
export function newPasswordPage(
  state: State,
  { address, named, recent }: { address: string; named: boolean; recent: number },
): Page {
  const factors =
    recent > 0
      ? html`<p>A second factor was added to the account in the last three days. If it was not you, tick the box.</p>`
      : undefined;
  const help = html`<p>This is for <strong>${address}</strong>. Every sign-in to the account ends. A second factor stays.</p>${factors}`;
  return formPage(
    'Set a new password',
    state,
    [...(named ? [] : [fullName]), newPassword, ...(recent > 0 ? [removal] : [])],
    help,
  );
}

const removal: Field = {
  name: 'removal',
  label: 'Remove the second factor that was added in the last three days',
  type: 'checkbox',
  autocomplete: 'off',
};

/** Where the mail leads that tells of a new second factor. */
export function refuseFactorPage(state: State, address: string): Page {
  const help = html`<p>This is for <strong>${address}</strong>. The second factor that we wrote to you about is removed, and every sign-in to the account ends. Whoever added it knew your password, so choose another one.</p>`;
  return formPage(
    'Remove the factor and set a new password',
    state,
    [newPassword],
    help,
    'You did not add a second factor?',
  );
}

export function passwordSetPage(): Page {
  return page(
    { status: 200, title: 'Your password is set' },
    html`<p role="status">Go back to the application and sign in with it.</p>`,
  );
}
