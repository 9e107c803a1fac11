import { parseArgs } from 'node:util';
import { z } from 'zod';
import { runningShop } from './running.ts';
import { Obstacle } from './state.ts';
import { waterfall, type TracedSpan } from './waterfall.ts';

const usage = `npm run trace -- <order or trace id>

Prints how an order went, from the client's request to the mail: one trace through every service, as Zipkin has it.
`;

/** What of Zipkin's answers we read. */
const span = z.object({
  traceId: z.string(),
  id: z.string(),
  parentId: z.string().optional(),
  name: z.string().default('?'),
  timestamp: z.number().default(0),
  duration: z.number().default(0),
  localEndpoint: z.object({ serviceName: z.string().default('?') }).default({ serviceName: '?' }),
  tags: z.record(z.string(), z.string()).default({}),
});
const trace = z.array(span);
const TIMEOUT_MS = 10_000;
/** How far back Zipkin looks: as long as it has been running. */
const LOOKBACK_MS = 7 * 24 * 3_600_000;

/** `npm run trace`. Returns the exit code. */
export async function traceCommand(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options: { help: { type: 'boolean' } } });
  if (values.help) return print(usage);
  const [id, ...more] = positionals;
  if (id === undefined || more.length > 0) throw new Obstacle(usage);
  const { traces } = runningShop();
  if (traces === undefined)
    throw new Obstacle(
      'The shop that runs here keeps no traces: start it without --no-traces and --lite, on a machine with Java 17 or Docker.',
    );
  const found = /^[0-9a-f]{32}$/.test(id)
    ? await ask(`${traces}/api/v2/trace/${id}`, trace)
    : await ofOrder(traces, id);
  if (found === undefined || found.length === 0)
    throw new Obstacle(
      `There is no trace of "${id}": it is an order of another start, or one that was placed a moment ago, or none at all.`,
    );
  const lines = waterfall(found.map(toSpan), { width: Math.max(80, process.stdout.columns ?? 120) });
  return print(`${lines.join('\n')}\n\n${traces}/zipkin/traces/${found[0]?.traceId ?? ''}\n`);
}

/** The first of the traces in which a message of the order was sent: that of its placing. */
async function ofOrder(zipkin: string, order: string): Promise<z.infer<typeof trace> | undefined> {
  const query = new URLSearchParams({
    annotationQuery: `messaging.message.key=${order}`,
    lookback: String(LOOKBACK_MS),
    limit: '100',
  });
  const found = (await ask(`${zipkin}/api/v2/traces?${query}`, z.array(trace))) ?? [];
  return found.sort((one, other) => began(one) - began(other))[0];
}

const began = (spans: z.infer<typeof trace>) => Math.min(...spans.map(({ timestamp }) => timestamp));

async function ask<T>(url: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) }).catch((error: Error) => {
    throw new Obstacle(`Zipkin does not answer: ${error.message}`);
  });
  if (response.status === 404) return undefined;
  if (!response.ok) throw new Obstacle(`Zipkin answered ${response.status}.`);
  return schema.parse(await response.json());
}

function toSpan({ id, parentId, name, timestamp, duration, localEndpoint, tags }: z.infer<typeof span>): TracedSpan {
  return {
    id,
    parentId,
    name,
    service: localEndpoint.serviceName,
    since: timestamp,
    duration,
    failed: 'error' in tags,
  };
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}
