import type { AnyValueMap, Logger } from '@opentelemetry/api-logs';
import type { Resource } from '@opentelemetry/resources';
import type { LoggerProvider } from '@opentelemetry/sdk-logs';
import type { TelemetrySettings } from '../config/settings.ts';

/**
 * How severe each level of the log is by OpenTelemetry's data model:
 * https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber
 */
const severity: Readonly<Record<string, number>> = { trace: 1, debug: 5, info: 9, warn: 13, error: 17, fatal: 21 };

let provider: LoggerProvider | undefined;
let logger: Logger | undefined;

/** From now on each line of the log goes to a collector too. */
export async function startLogRecords(
  { OTEL_EXPORTER_OTLP_ENDPOINT }: TelemetrySettings,
  resource: Resource,
): Promise<void> {
  const [sdk, { OTLPLogExporter }] = await Promise.all([
    import('@opentelemetry/sdk-logs'),
    import('@opentelemetry/exporter-logs-otlp-http'),
  ]);
  const exporter = new OTLPLogExporter({ url: `${OTEL_EXPORTER_OTLP_ENDPOINT}/v1/logs` });
  const processors = [
    new sdk.BatchLogRecordProcessor({
      exporter,
      maxQueueSize: 4_096,
      maxExportBatchSize: 512,
      scheduledDelayMillis: 1_000,
    }),
  ];
  provider = new sdk.LoggerProvider({ resource, processors });
  logger = provider.getLogger('shop');
}

/**
 * A line as it was written, and so without secrets, where a collector is to have it. Its trace is the one it is written
 * in.
 */
export function recordLine(line: string): void {
  if (!logger) return;
  const {
    level,
    time,
    msg,
    service: _,
    instance: __,
    ...attributes
  } = JSON.parse(line) as { level: string; time: string; msg: string } & AnyValueMap;
  logger.emit({
    severityText: level,
    severityNumber: severity[level] ?? 0,
    timestamp: Date.parse(time),
    body: msg,
    attributes,
  });
}

export async function flushLogRecords(): Promise<void> {
  await provider?.forceFlush();
}
