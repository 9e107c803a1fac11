/** Why a rule said no; each protocol maps a kind once (HTTP status, GraphQL code, acknowledge or park). */
export type DomainErrorKind = 'invalid' | 'not-found' | 'conflict' | 'forbidden' | 'unavailable';

/** One field that is wrong: a JSON Pointer into the input (RFC 6901) and a reason a person can act on. */
export interface FieldError {
  readonly pointer: string;
  readonly detail: string;
}

/**
 * A rule that says no. Its message is shown to the caller, so it never carries a secret or an internal name.
 * `code` is a stable kebab-case word that clients may switch on.
 */
export class DomainError extends Error {
  override readonly name = 'DomainError';

  constructor(
    readonly kind: DomainErrorKind,
    readonly code: string,
    message: string,
    readonly errors: readonly FieldError[] = [],
  ) {
    super(message);
  }
}
