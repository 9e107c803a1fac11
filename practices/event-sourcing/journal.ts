/** A change that a client asked for, when it first asked, and when it was told that it is done (ms since 1970). */
export interface Entry {
  readonly status: string;
  readonly reason?: string;
  readonly askedAt: number;
  readonly answeredAt: number;
}

/** What the service says about the past of one order. */
export interface Told {
  readonly states: readonly string[];
  readonly since: Readonly<Record<string, number | undefined>>;
  readonly cancelled?: { readonly from: string; readonly reason: string };
}

/** Answers to questions about the past, counted; with a few of the wrong ones. */
export interface Marks {
  asked: number;
  right: number;
  wrong: number;
  /** Questions that the service had no answer to. */
  unanswered: number;
  readonly cases: string[];
}

/**
 * Moments at which the client knows for sure how its order stood: a change was acknowledged, and the next not yet asked
 * for.
 */
export function moments(journal: readonly Entry[]): { at: number; status: string }[] {
  return journal.flatMap(({ answeredAt: at, status }, index) =>
    (journal[index + 1]?.askedAt ?? Infinity) > at ? [{ at, status }] : [],
  );
}

/** Compares what is told of an order's past with what its client wrote down when it happened. */
export function mark(marks: Marks, orderId: string, journal: readonly Entry[], told: Told): void {
  const judge = (question: string, right: boolean, answer: unknown) => {
    marks.asked++;
    if (right) marks.right++;
    else if (answer === undefined) marks.unanswered++;
    else marks.wrong++;
    if (!right)
      marks.cases.push(`${orderId}: ${question} ${answer === undefined ? 'no answer' : JSON.stringify(answer)}`);
  };
  for (const [index, { at, status }] of moments(journal).entries()) {
    judge(
      `what was it at ${new Date(at).toISOString()}, when it was ${status}?`,
      told.states[index] === status,
      told.states[index],
    );
  }
  for (const { status, askedAt, answeredAt } of journal) {
    const since = told.since[status];
    judge(`when did it become ${status}?`, since !== undefined && since >= askedAt && since <= answeredAt, since);
  }
  const [before, end] = journal.slice(-2);
  if (end?.status !== 'cancelled') return;
  const { from, reason } = told.cancelled ?? {};
  judge(
    `what was it when it was cancelled (${before?.status}), and why (${end.reason})?`,
    from === before?.status && reason === end.reason,
    told.cancelled,
  );
}
