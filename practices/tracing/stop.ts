import { InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { ConsumerRuntime, PostgresOutbox, QueueRelay, type Consumer } from '@shop/eventing';
import { startTracing } from '@shop/platform';
import { log, serve, takePart } from '../lab/part.ts';
import { ForgetfulBus } from './forgetful-bus.ts';

/** A span, as the process tells it that made it. */
export interface Told {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
}

/**
 * One stop on the way of an order: a process with the product's outbox, relay and consumer runtime. It keeps its spans
 * until it is asked for them.
 */
export async function stop<Question>(
  consumer: (outbox: PostgresOutbox) => Consumer,
  work: (question: Question, outbox: PostgresOutbox) => Promise<unknown>,
): Promise<void> {
  const spans = new InMemorySpanExporter();
  startTracing({ processors: [new SimpleSpanProcessor(spans)] });
  const { variant, database, databaseUrl: connectionString, ...part } = takePart();
  const [publishing, consuming] = [part.bus(), part.bus()];
  const bus = variant === 'requests only' ? new ForgetfulBus(publishing) : publishing;
  const relay = new QueueRelay({ connectionString, bus, log });
  const outbox = new PostgresOutbox(() => relay.wake());
  const runtime = new ConsumerRuntime({ consumer: consumer(outbox), bus: consuming, database, outbox, log });
  relay.start();
  await runtime.start();
  serve<Question | 'spans'>(
    (question) => (question === 'spans' ? Promise.resolve(told(spans)) : work(question as Question, outbox)),
    async () => {
      await runtime.stop();
      await relay.stop();
      await Promise.all([publishing.close(), consuming.close()]);
    },
  );
}

const told = (spans: InMemorySpanExporter): Told[] =>
  spans.getFinishedSpans().map((span) => {
    const { traceId, spanId } = span.spanContext();
    const parent = span.parentSpanContext?.spanId;
    return { name: span.name, traceId, spanId, ...(parent !== undefined && { parentSpanId: parent }) };
  });
