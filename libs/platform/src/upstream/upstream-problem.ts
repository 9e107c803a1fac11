import type { Problem } from '@shop/contracts';

/**
 * Another service said no. The problem filter passes a 4xx on as it is, and turns a 5xx into 503. Where the other side
 * does not speak problem+json, `problem` is made from the status, and `body` holds what it said.
 */
export class UpstreamProblem extends Error {
  override readonly name = 'UpstreamProblem';

  constructor(
    readonly upstream: string,
    readonly status: number,
    readonly problem: Problem,
    readonly headers: Readonly<Record<string, string>>,
    readonly body: unknown,
  ) {
    super(`${upstream} answered ${status} ${problem.code}`);
  }
}
