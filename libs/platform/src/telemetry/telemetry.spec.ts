import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runService, type RunningService } from '../service/run-service.ts';
import { startIssuer, tiny } from '../service/tiny.fixture.ts';

interface Span {
  readonly name: string;
  readonly traceId: string;
  readonly parentSpanId: string;
}

interface LogRecord {
  readonly severityNumber: number;
  readonly body: { readonly stringValue: string };
  readonly traceId?: string;
  readonly attributes: readonly { readonly key: string; readonly value: { readonly stringValue?: string } }[];
}

const spans: Span[] = [];
const logged: LogRecord[] = [];
const issuer = await startIssuer();
const freePort = await aFreePort();
let collector: Server;
let service: RunningService;

beforeAll(async () => {
  const listening = await portOf(
    createServer((request, response) => {
      void json(request).then((body) => {
        const { resourceSpans = [], resourceLogs = [] } = body as {
          resourceSpans?: { scopeSpans: { spans: Span[] }[] }[];
          resourceLogs?: { scopeLogs: { logRecords: LogRecord[] }[] }[];
        };
        spans.push(...resourceSpans.flatMap((resource) => resource.scopeSpans.flatMap((scope) => scope.spans)));
        logged.push(...resourceLogs.flatMap((resource) => resource.scopeLogs.flatMap((scope) => scope.logRecords)));
        response.setHeader('content-type', 'application/json').end('{}');
      });
    }),
  );
  collector = listening.server;
  service = await runService(tiny, {
    ...issuer.env('hello'),
    OTEL_TRACES_EXPORTER: 'otlp',
    OTEL_LOGS_EXPORTER: 'otlp',
    LOG_LEVEL: 'info',
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${listening.port}`,
    OTEL_METRICS_EXPORTER: 'prometheus',
    OTEL_EXPORTER_PROMETHEUS_PORT: String(freePort),
  });
});

afterAll(async () => {
  issuer.close();
  await closed(collector);
});

const metrics = async () => (await fetch(`http://127.0.0.1:${freePort}/metrics`)).text();

it('counts requests by the pattern of their route, never by their path, on an address of its own', async () => {
  await fetch(`${service.url}/things/0198c0de-0000-7000-8000-000000000000`);
  await fetch(`${service.url}/health/live`);
  const text = await metrics();
  expect(text).toMatch(
    /http_server_request_duration_count\{[^}]*http_route="\/things\/:id"[^}]*http_response_status_code="200"[^}]*\} 1\n/,
  );
  expect(text).not.toContain('0198c0de');
  expect(text).not.toContain('/health/');
  expect((await fetch(`${service.url}/metrics`)).status).toBe(404);
});

it('measures what any process has: event loop, memory, processor', async () => {
  const text = await metrics();
  for (const name of [
    'nodejs_eventloop_utilization',
    'v8js_memory_heap_used',
    'process_memory_usage',
    'process_cpu_time',
  ])
    expect(text).toMatch(new RegExp(`^${name}`, 'm'));
});

it('hands over its last spans before it ends, each below the caller’s, and the lines of its log, each with its trace', async () => {
  const traceId = '0af7651916cd43dd8448eb211c80319c';
  await fetch(`${service.url}/things`, { headers: { traceparent: `00-${traceId}-b7ad6b7169203331-01` } });
  await service.close();
  expect(spans.filter((span) => span.traceId === traceId)).toMatchObject([
    { name: 'GET /things', parentSpanId: 'b7ad6b7169203331' },
  ]);
  const request = logged.filter(({ body, traceId: of }) => body.stringValue === 'request' && of === traceId);
  expect(request).toMatchObject([
    {
      severityNumber: 9,
      attributes: expect.arrayContaining([{ key: 'route', value: { stringValue: '/things' } }]) as unknown,
    },
  ]);
});

async function portOf(server: Server): Promise<{ server: Server; port: number }> {
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return { server, port: (server.address() as AddressInfo).port };
}

async function aFreePort(): Promise<number> {
  const { server, port } = await portOf(createServer());
  await closed(server);
  return port;
}

function closed(server: Server): Promise<unknown> {
  server.closeAllConnections();
  return new Promise((done) => server.close(done));
}
