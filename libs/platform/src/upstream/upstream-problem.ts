import type { Problem } from '@shop/contracts';

/**
 * Another service said no. The problem filter passes a 4xx on as it is, and turns a 5xx into 503. Where the other side
 * does not speak problem+json, `problem` is made from the status, and `body` holds what it said.
 */
export class UpstreamProblem extends Error {
  override readonly name = 'UpstreamProblem';

  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;

  constructor(
    readonly upstream: string,
    readonly problem: Problem,
    answer: { status: number; headers: Readonly<Record<string, string>>; body: unknown },
  ) {
    super(`${upstream} answered ${answer.status} ${problem.code}`);
    this.status = answer.status;
    this.headers = answer.headers;
    this.body = answer.body;
  }
}
