import { createHash } from 'node:crypto';
import { globSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { cloudEvent, topics, type CloudEvent } from '@shop/contracts';
import { readTopic } from '@shop/eventing';
import { fold, upcast, type StoredEvent } from '@shop/kernel';
import { order, orderUpcasters, type OrderEvent } from '@shop/orders';
import { runningShop, type RunningShop } from './running.ts';
import { Obstacle } from './state.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const usage = `npm run golden

Records what the golden corpus lacks from the running shop: one message of each type (libs/contracts/golden), and the stored events of one
order for each way in which an order can end and each form of its events (apps/orders/golden), with the state they lead to. What is there is never written again: each
file bears the hash of its text. To have every way happen first: npm run order, with --decline and --out-of-stock, and cancel one.
`;

/** `npm run golden`. Returns the exit code. */
export async function goldenCommand(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: { help: { type: 'boolean' } } });
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const written = await recordGolden(runningShop());
  process.stdout.write(
    written.length > 0 ? `Recorded: ${written.join(', ')}\n` : 'Nothing that the corpus does not have already.\n',
  );
  return 0;
}

/** Returns the files that were written. */
export async function recordGolden({
  brokers,
  databases,
}: Pick<RunningShop, 'brokers' | 'databases'>): Promise<string[]> {
  if (brokers === undefined)
    throw new Obstacle(
      'This shop runs without Kafka, so there are no topics to record from: start it with neither --lite nor BUS.',
    );
  return [...(await recordMessages(brokers)), ...(await recordOrders(databases.orders.ownerUrl))];
}

async function recordMessages(brokers: string): Promise<string[]> {
  const messages: CloudEvent[] = [];
  for (const topic of Object.keys(topics)) {
    const read = (await readTopic(brokers, topic)).map(({ value }) =>
      cloudEvent.safeParse(JSON.parse(value ?? 'null')),
    );
    messages.push(...read.flatMap(({ data }) => data ?? []));
  }
  return messages.flatMap((message) => keep('libs/contracts/golden', message.type, message));
}

interface Stored extends StoredEvent {
  stream: string;
  version: number;
  recordedAt: Date;
}

async function recordOrders(url: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000, query_timeout: 30_000 });
  await client.connect();
  try {
    const { rows } = await client.query<Stored>(
      'SELECT stream, version, type, schema_version AS "schemaVersion", data, recorded_at AS "recordedAt" FROM events ORDER BY stream, version',
    );
    return [...Map.groupBy(rows, ({ stream }) => stream).values()].flatMap(recordOrder);
  } finally {
    await client.end();
  }
}

function recordOrder(rows: Stored[]): string[] {
  const state = fold(
    order,
    rows.map((row) => upcast<OrderEvent>(row, orderUpcasters)),
  );
  if (state.status !== 'confirmed' && state.status !== 'cancelled') return [];
  const events = rows.map(({ version, type, schemaVersion, data, recordedAt }) => ({
    version,
    type,
    schemaVersion,
    recordedAt: recordedAt.toISOString(),
    data,
  }));
  const way = state.status === 'cancelled' ? `cancelled-${state.reason}` : state.status;
  // The same way in another form is another file.
  const forms = rows.flatMap(({ type, schemaVersion }) =>
    schemaVersion > 1 ? [`-${type.toLowerCase()}-${schemaVersion}`] : [],
  );
  return keep('apps/orders/golden', `${way}-after-${events.length}${forms.join('')}`, { events, state });
}

/** Writes it unless there is one of that name already. */
function keep(folder: string, name: string, content: object): string[] {
  if (globSync(`${folder}/${name}.*.json`, { cwd: root }).length > 0) return [];
  const text = `${JSON.stringify(content, undefined, 2)}\n`;
  const file = `${folder}/${name}.${createHash('sha256').update(text).digest('hex').slice(0, 12)}.json`;
  mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(join(root, file), text);
  return [file];
}
