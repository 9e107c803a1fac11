import { ROOT_CONTEXT, SpanKind, trace, TraceFlags } from '@opentelemetry/api';
import { SamplingDecision, type Sampler } from '@opentelemetry/sdk-trace-base';
import { describe, expect, it } from 'vitest';
import { StrangersFlag, wholeTraces } from './sampling.ts';

/** An id that the share of a sampler always takes, as a stranger would choose it. */
const chosen = (n: number) => `00000000${n.toString(16).padStart(24, '0')}`;

function kept(sampler: Sampler, times: number, traceFlags: TraceFlags): number {
  const decisions = Array.from({ length: times }, (_, n) => {
    const traceId = chosen(n + 1);
    const parent = trace.setSpanContext(ROOT_CONTEXT, {
      traceId,
      spanId: 'b7ad6b7169203331',
      traceFlags,
      isRemote: true,
    });
    return sampler.shouldSample(parent, traceId, 'GET /', SpanKind.SERVER, {}, []).decision;
  });
  return decisions.filter((decision) => decision === SamplingDecision.RECORD_AND_SAMPLED).length;
}

describe('a stranger who says that a trace is to be kept', () => {
  it('is believed sixty times a minute, and has no more than our share beyond', () => {
    const count = kept(wholeTraces(0.01, true), 5_000, TraceFlags.SAMPLED);
    expect(count).toBeGreaterThanOrEqual(60);
    expect(count).toBeLessThan(60 + 150);
  });

  it('is believed again as time goes by', () => {
    let now = 0;
    const flag = new StrangersFlag(1e-12, () => now);
    expect(kept(flag, 1_000, TraceFlags.SAMPLED)).toBe(60);
    now += 10_000;
    expect(kept(flag, 1_000, TraceFlags.SAMPLED)).toBe(10);
    now += 3_600_000;
    expect(kept(flag, 1_000, TraceFlags.SAMPLED)).toBe(60);
  });

  it('may leave theirs out, and has none kept where nothing is', () => {
    expect([
      kept(wholeTraces(1, true), 100, TraceFlags.NONE),
      kept(wholeTraces(0, true), 100, TraceFlags.SAMPLED),
    ]).toEqual([0, 0]);
  });
});

it('inside, the flag that a trace came with decides', () => {
  expect([
    kept(wholeTraces(0.01, false), 1_000, TraceFlags.SAMPLED),
    kept(wholeTraces(1, false), 100, TraceFlags.NONE),
  ]).toEqual([1_000, 0]);
});
