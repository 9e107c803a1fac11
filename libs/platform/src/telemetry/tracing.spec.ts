import { context } from '@opentelemetry/api';
import { InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { assertWithinDeadline, remainingBudget, withDeadline } from './deadline.ts';
import { currentTraceId, currentTraceparent, startTracing, withTraceparent } from './tracing.ts';

const spans = new InMemorySpanExporter();
beforeAll(() => startTracing({ processors: [new SimpleSpanProcessor(spans)] }));
afterEach(() => spans.reset());

const traceId = '0af7651916cd43dd8448eb211c80319c';
const parent = `00-${traceId}-b7ad6b7169203331-01`;

describe('work that came with a traceparent', () => {
  it('belongs to that trace, as a span of its own, across awaits', async () => {
    const inside = await withTraceparent(parent, 'reserve stock', async () => {
      await new Promise((later) => setTimeout(later, 1));
      return currentTraceparent();
    });
    expect(inside).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`));
    expect(inside).not.toBe(parent);
    expect(spans.getFinishedSpans()).toMatchObject([
      { name: 'reserve stock', parentSpanContext: { traceId, spanId: 'b7ad6b7169203331' } },
    ]);
  });

  it.each([undefined, 'nonsense'])('begins a trace of its own without a usable one: %s', async (traceparent) => {
    const own = await withTraceparent(traceparent, 'x', async () => currentTraceId());
    expect(own).toMatch(/^[0-9a-f]{32}$/);
    expect(own).not.toBe(traceId);
  });

  it('marks the span of work that failed, and lets the failure through', async () => {
    const failing = withTraceparent(parent, 'x', async () => {
      throw new Error('no stock');
    });
    await expect(failing).rejects.toThrow('no stock');
    expect(spans.getFinishedSpans()[0]?.status.code).toBe(2);
  });

  it('ends with the work: nothing leaks to what comes after', async () => {
    await withTraceparent(parent, 'x', async () => undefined);
    expect(currentTraceparent()).toBeUndefined();
  });
});

describe('a deadline', () => {
  it('is known to everything that runs within it', () => {
    expect(remainingBudget()).toBe(Infinity);
    const left = context.with(withDeadline(context.active(), 500), remainingBudget);
    expect(left).toBeGreaterThan(400);
    expect(left).toBeLessThanOrEqual(500);
  });

  it('refuses work that nobody waits for any more', () => {
    expect(assertWithinDeadline).not.toThrow();
    const late = () => context.with(withDeadline(context.active(), 0), assertWithinDeadline);
    expect(late).toThrow(expect.objectContaining({ kind: 'unavailable', code: 'deadline-exceeded' }));
  });
});
