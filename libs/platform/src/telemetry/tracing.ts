import {
  context,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
  type Span,
} from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import type { Resource } from '@opentelemetry/resources';
import { AlwaysOffSampler, BasicTracerProvider, type SpanProcessor } from '@opentelemetry/sdk-trace-base';
import { wholeTraces } from './sampling.ts';

const propagator = new W3CTraceContextPropagator();
const tracer = trace.getTracer('@shop/platform');
const carrierKeys = {
  get: (carrier: Carrier, key: string) => carrier[key],
  keys: (carrier: Carrier) => Object.keys(carrier),
};
type Carrier = Record<string, string | string[] | undefined>;

let provider: BasicTracerProvider | undefined;

export interface TracingOptions {
  /** Where spans go; with none nothing is recorded. */
  readonly processors?: SpanProcessor[];
  readonly resource?: Resource;
  /** Which share of traces is kept (1). */
  readonly ratio?: number;
  /** Strangers talk to this process: whether a trace is kept is for us to say, not for them. */
  readonly edge?: boolean;
}

/**
 * Traces for this process: once, however many services run in it. Without processors nothing is recorded or sampled,
 * but every request still has a trace id that crosses HTTP and messages, for a few microseconds.
 */
export function startTracing({ processors = [], resource, ratio = 1, edge = false }: TracingOptions = {}): void {
  if (provider) return;
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(propagator);
  const sampler = processors.length > 0 ? wholeTraces(ratio, edge) : new AlwaysOffSampler();
  provider = new BasicTracerProvider({ sampler, spanProcessors: processors, ...(resource && { resource }) });
  trace.setGlobalTracerProvider(provider);
}

/** Hands over what has been recorded so far. */
export async function flushSpans(): Promise<void> {
  await provider?.forceFlush();
}

/** The trace of the work at hand, for log lines and problem details. */
export function currentTraceId(within: Context = context.active()): string | undefined {
  return trace.getSpanContext(within)?.traceId;
}

/** W3C `traceparent` of the work at hand, to carry it over a border this process does not see (a message, a row). */
export function currentTraceparent(): string | undefined {
  return traceHeaders(context.active()).traceparent;
}

/** The headers that carry `from` to another process. */
export function traceHeaders(from: Context): Record<string, string> {
  const headers: Record<string, string> = {};
  propagator.inject(from, headers, { set: (carrier, key, value) => void (carrier[key] = String(value)) });
  return headers;
}

/** A started span and the context in which its work runs. */
export interface Work {
  readonly span: Span;
  readonly within: Context;
}

/** Starts the span of a request or message that came from outside, as a child of the trace its headers name. */
export function startIncoming(
  kind: SpanKind.SERVER | SpanKind.CONSUMER,
  name: string,
  headers: Carrier,
  attributes: Attributes = {},
): Work {
  const parent = propagator.extract(ROOT_CONTEXT, headers, carrierKeys);
  return startWork(kind, name, parent, attributes);
}

/** Starts a span below the work at hand. */
export function startWork(
  kind: SpanKind,
  name: string,
  parent: Context = context.active(),
  attributes: Attributes = {},
): Work {
  const span = tracer.startSpan(name, { kind, attributes }, parent);
  return { span, within: trace.setSpan(parent, span) };
}

/** Runs `work` in its span and ends the span, marked as failed when `work` throws. */
export async function inSpan<T>({ span, within }: Work, work: () => Promise<T>): Promise<T> {
  try {
    return await context.with(within, work);
  } catch (error) {
    span.recordException(error as Error);
    span.setStatus({ code: SpanStatusCode.ERROR });
    throw error;
  } finally {
    span.end();
  }
}

/** What may be said about a span, under OpenTelemetry's names. */
export type SpanAttributes = Attributes;

/**
 * A call to something outside this process: a span of its own where the work at hand is recorded, only the call where
 * it is not.
 */
export function calling<T>(name: string, attributes: SpanAttributes, call: () => Promise<T>): Promise<T> {
  if (trace.getActiveSpan()?.isRecording() !== true) return call();
  return inSpan(startWork(SpanKind.CLIENT, name, context.active(), attributes), call);
}

/**
 * Something that lay between two times, told afterwards: below the trace that `traceparent` names, and only if that one
 * is kept.
 */
export function tellOfSending(
  traceparent: string,
  name: string,
  { since, attributes }: { since: Date; attributes: SpanAttributes },
): void {
  const parent = propagator.extract(ROOT_CONTEXT, { traceparent }, carrierKeys);
  tracer.startSpan(name, { kind: SpanKind.PRODUCER, attributes, startTime: since }, parent).end();
}

/** Continues the trace a message came with: `work` and all it calls belong to it. Without one, a new trace begins. */
export function withTraceparent<T>(
  traceparent: string | undefined,
  name: string,
  work: () => Promise<T>,
  attributes: SpanAttributes = {},
): Promise<T> {
  return inSpan(startIncoming(SpanKind.CONSUMER, name, { traceparent }, attributes), work);
}
