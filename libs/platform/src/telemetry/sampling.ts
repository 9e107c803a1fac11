import {
  ParentBasedSampler,
  SamplingDecision,
  TraceIdRatioBasedSampler,
  type Sampler,
  type SamplingResult,
} from '@opentelemetry/sdk-trace-base';

/**
 * How many traces strangers have kept by their own word, up to all of them at once: enough for somebody who looks for a
 * fault.
 */
const [TRACES, MINUTE_MS] = [60, 60_000];

/**
 * Who begins a trace decides for all of it, by its id; everybody after that goes by the flag it travels with. At the
 * edge the flag is a stranger's: it may leave its trace out, and has it kept within a quota.
 */
export function wholeTraces(ratio: number, edge: boolean): Sampler {
  const root = new TraceIdRatioBasedSampler(ratio);
  return new ParentBasedSampler({ root, ...(edge && { remoteParentSampled: new StrangersFlag(ratio) }) });
}

/**
 * Believes a flag that says "keep this" sixty times a minute; all others are kept by our share, and by chance:
 * strangers choose the ids of their traces, too.
 */
export class StrangersFlag implements Sampler {
  /** When nothing is owed any more, on this process's clock. */
  #freeAt = -Infinity;

  constructor(
    private readonly ratio: number,
    private readonly clock: () => number = () => performance.now(),
  ) {}

  shouldSample(): SamplingResult {
    const isKept = this.ratio > 0 && (Math.random() < this.ratio || this.#isWithinQuota());
    return { decision: isKept ? SamplingDecision.RECORD_AND_SAMPLED : SamplingDecision.NOT_RECORD };
  }

  toString(): string {
    return `StrangersFlag{${this.ratio}}`;
  }

  #isWithinQuota(): boolean {
    const now = this.clock();
    const freeAt = Math.max(this.#freeAt, now) + MINUTE_MS / TRACES;
    if (freeAt - now > MINUTE_MS) return false;
    this.#freeAt = freeAt;
    return true;
  }
}
