import type { DomainError } from '@shop/kernel';

const advice: Record<string, string> = {
  name: 'Tell us what to call you, in 60 characters at most.',
  email: 'This is not an email address.',
  password: 'Choose a password of 12 to 128 characters.',
};

/** What to do about each field that the contract refuses. */
export function adviceOn(issues: readonly { readonly path: readonly PropertyKey[] }[]): Record<string, string> {
  return Object.fromEntries(
    issues.map(({ path }) => [String(path[0]), advice[String(path[0])] ?? 'This cannot be taken.']),
  );
}

/** The same of each field that a rule refuses. */
export function adviceIn({ errors }: DomainError): Record<string, string> {
  return Object.fromEntries(errors.map(({ pointer, detail }) => [pointer.slice(1), detail]));
}
