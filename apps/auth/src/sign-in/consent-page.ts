import { html, page, type Page } from './html.ts';

/**
 * What each scope lets a program do, in words for the person who is asked. Whatever is not here is not asked for
 * either.
 */
const meaning: Readonly<Record<string, string>> = {
  'orders:read': 'See your orders and what became of them',
  'orders:write': 'Place and cancel orders for you',
  offline_access: 'Go on doing so while you are away, until you sign it out',
};

/** The same for a list of them. */
export const meaningOf = (scopes: readonly string[]): string[] =>
  Object.entries(meaning).flatMap(([scope, words]) => (scopes.includes(scope) ? [words] : []));

export interface ConsentState {
  readonly token: string;
  readonly redirectUri: string;
  /** Who asks. */
  readonly client: string;
  readonly scopes: readonly string[];
}

/** Whether a program that is not the shop's own may do what it asks for. */
export function consentPage({ token, redirectUri, client, scopes }: ConsentState): Page {
  const wishes = meaningOf(scopes).map((words) => html`<li>${words}</li>`);
  const content = html`<p><strong>${client}</strong> is not part of the shop. It asks to:</p><ul>${wishes}</ul>
<form method="post"><input type="hidden" name="token" value="${token}">
<button name="answer" value="allow">Allow</button> <button name="answer" value="deny">Do not allow</button></form>`;
  return page({ status: 200, title: `Allow ${client}?`, leadsTo: redirectUri }, content);
}
