import type { FieldError } from '@shop/kernel';

/** What HTTP itself says no to. Rules of the business throw DomainError, which knows no status. */
export class HttpProblem extends Error {
  override readonly name: string = 'HttpProblem';
  readonly errors: readonly FieldError[];
  readonly headers: Readonly<Record<string, string>>;

  /** `code` is a stable kebab-case word; `detail` is shown to the caller. */
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
    more: { errors?: readonly FieldError[]; headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(detail);
    this.errors = more.errors ?? [];
    this.headers = more.headers ?? {};
  }
}

/** 412: `If-Match` names a version that is no longer the current one. */
export class PreconditionFailed extends HttpProblem {
  override readonly name = 'PreconditionFailed';

  constructor(detail = 'The resource has changed since you read it. Read it again.') {
    super(412, 'precondition-failed', detail);
  }
}
