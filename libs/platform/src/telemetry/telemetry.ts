import { setTimeout as sleep } from 'node:timers/promises';
import { metrics as globalMetrics } from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import type { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import type { SpanProcessor } from '@opentelemetry/sdk-trace-base';
import type { TelemetrySettings } from '../config/settings.ts';
import { flushLogRecords, startLogRecords } from './log-records.ts';
import { observeProcess } from './process-metrics.ts';
import { flushSpans, startTracing } from './tracing.ts';

export interface Telemetry {
  readonly service: string;
  /** Which of its instances. */
  readonly instance: string;
  /** Strangers talk to it. */
  readonly edge: boolean;
}

/** How long a collector may keep a process from ending, in ms. */
const LAST_WORD_MS = 2_000;

let starting: Promise<void> | undefined;
let meters: MeterProvider | undefined;

/**
 * Telemetry of this process: once, in the name of its first service, however many run in it. What an exporter needs is
 * loaded only where it is asked for. Rejects when metrics cannot be offered where the settings say.
 */
export function startTelemetry(who: Telemetry, settings: TelemetrySettings): Promise<void> {
  return (starting ??= start(who, settings));
}

/** Hands over what has been recorded so far; a collector that does not answer in time is not waited for. */
export async function flushTelemetry(): Promise<void> {
  const said = Promise.all([flushSpans(), meters?.forceFlush(), flushLogRecords()]).catch(() => undefined);
  await Promise.race([said, sleep(LAST_WORD_MS, undefined, { ref: false })]);
}

async function start(who: Telemetry, settings: TelemetrySettings): Promise<void> {
  const { OTEL_TRACES_EXPORTER: traces, OTEL_METRICS_EXPORTER: metrics, OTEL_LOGS_EXPORTER: logs } = settings;
  if ([traces, metrics, logs].every((exporter) => exporter === 'none')) return startTracing();
  const resource = await resourceOf(who, settings);
  const [processor, reader] = await Promise.all([spanProcessor(settings), metricReader(settings)]);
  startTracing({
    processors: processor ? [processor] : [],
    resource,
    ratio: settings.OTEL_TRACES_SAMPLER_ARG,
    edge: who.edge,
  });
  if (reader) await startMetrics(reader, resource);
  if (logs === 'otlp') await startLogRecords(settings, resource);
}

async function resourceOf(
  { service, instance }: Telemetry,
  { OTEL_SERVICE_NAME: name = service }: TelemetrySettings,
): Promise<Resource> {
  const { resourceFromAttributes } = await import('@opentelemetry/resources');
  return resourceFromAttributes({ 'service.name': name, 'service.namespace': 'shop', 'service.instance.id': instance });
}

/** Spans leave in batches; what does not fit into the queue is dropped rather than waited for. */
async function spanProcessor(settings: TelemetrySettings): Promise<SpanProcessor | undefined> {
  const { OTEL_TRACES_EXPORTER: kind, OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_ZIPKIN_ENDPOINT } = settings;
  if (kind === 'none') return undefined;
  const { BatchSpanProcessor } = await import('@opentelemetry/sdk-trace-base');
  const batches = { maxQueueSize: 4_096, maxExportBatchSize: 512, scheduledDelayMillis: 1_000 };
  if (kind === 'zipkin') {
    const { ZipkinExporter } = await import('@opentelemetry/exporter-zipkin');
    return new BatchSpanProcessor(new ZipkinExporter({ url: OTEL_EXPORTER_ZIPKIN_ENDPOINT }), batches);
  }
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-http');
  return new BatchSpanProcessor(new OTLPTraceExporter({ url: `${OTEL_EXPORTER_OTLP_ENDPOINT}/v1/traces` }), batches);
}

async function metricReader(settings: TelemetrySettings): Promise<MetricReader | undefined> {
  const {
    OTEL_METRICS_EXPORTER: kind,
    OTEL_EXPORTER_OTLP_ENDPOINT,
    OTEL_METRIC_EXPORT_INTERVAL: exportIntervalMillis,
  } = settings;
  if (kind === 'none') return undefined;
  if (kind === 'prometheus') {
    const { PrometheusExporter } = await import('@opentelemetry/exporter-prometheus');
    const { OTEL_EXPORTER_PROMETHEUS_HOST: host, OTEL_EXPORTER_PROMETHEUS_PORT: port } = settings;
    const exporter = new PrometheusExporter({ host, port, preventServerStart: true, withoutScopeInfo: true });
    await exporter.startServer();
    return exporter;
  }
  const [{ PeriodicExportingMetricReader }, { OTLPMetricExporter }] = await Promise.all([
    import('@opentelemetry/sdk-metrics'),
    import('@opentelemetry/exporter-metrics-otlp-http'),
  ]);
  const exporter = new OTLPMetricExporter({ url: `${OTEL_EXPORTER_OTLP_ENDPOINT}/v1/metrics` });
  return new PeriodicExportingMetricReader({
    exporter,
    exportIntervalMillis,
    exportTimeoutMillis: Math.min(exportIntervalMillis, 5_000),
  });
}

async function startMetrics(reader: MetricReader, resource: Resource): Promise<void> {
  const { MeterProvider } = await import('@opentelemetry/sdk-metrics');
  meters = new MeterProvider({ resource, readers: [reader] });
  globalMetrics.setGlobalMeterProvider(meters);
  observeProcess();
}
