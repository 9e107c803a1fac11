import { findingsOf } from '../checker/findings.ts';
import type { Bench } from '../lab/bench.ts';
import type { Experiment, Load } from '../lab/experiment.ts';
import { askAll, happened, plan, tables, topic } from '../lab/writer.ts';

interface OrderLoad extends Load {
  readonly changes: number;
  readonly keys: number;
  readonly clients: number;
}

/** What a way of reading needs beside the outbox table as it is. */
const preparation: Record<string, string> = {
  'id > last': 'CREATE INDEX outbox_by_id ON outbox (id)',
  xmin: `ALTER TABLE outbox ADD COLUMN transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id();
         CREATE INDEX outbox_by_transaction ON outbox (transaction_id, id)`,
  'SKIP LOCKED ×3': 'CREATE INDEX outbox_by_id ON outbox (id)',
};

/** Nobody is killed: writers who commit side by side are enough. */
export const experiment: Experiment<OrderLoad> = {
  title: 'Reading the outbox in order',
  harm: 'events lost, or overtaken by a later one of their key',
  variants: [
    { name: 'id > last', practice: false, what: 'a cursor over the id' },
    { name: 'xmin', practice: false, what: 'a cursor over (transaction, id), behind the oldest transaction under way' },
    { name: 'SKIP LOCKED ×3', practice: false, what: 'three workers, each takes rows that no other holds' },
    { name: 'shards ×3', practice: true, what: 'three relays, each owns whole shards; a queue, no cursor' },
    {
      name: 'WAL ×3',
      practice: true,
      what: 'three relays, one of which reads the write-ahead log from a replication slot',
    },
  ],
  load: {
    full: { seed: 20, changes: 6_000, keys: 16, clients: 16 },
    quick: { seed: 20, changes: 1_200, keys: 4, clients: 16 },
  },
  tables,
  topics: [topic],

  async round(bench, { name }, load) {
    await bench.query(preparation[name] ?? 'SELECT');
    const changes = await plan(bench, load);
    const [reader, service] = await Promise.all([
      bench.reader(topic),
      bench.start(import.meta.resolve('./service.ts'), name),
    ]);

    const logBefore = await logEnd(bench);
    const began = performance.now();
    const journal = await askAll(service, changes, load.clients);
    await reader.settled(load.changes, bench.patienceMs);
    const logged = (await logEnd(bench)) - logBefore;
    const truth = await happened(bench);
    const { lost, inverted, doubled, invented, cases } = findingsOf(truth, reader.seen);
    return {
      harm: lost + inverted,
      figures: {
        committed: truth.length,
        lost,
        inverted,
        doubled,
        'events/s': Math.round(reader.seen.length / ((reader.lastAt - began) / 1000)),
        'log B/event': Math.round(logged / truth.length),
      },
      cases,
      doubts: [
        ...bench.doubts(service),
        ...(journal.length === load.changes ? [] : [`of ${load.changes} changes ${journal.length} were acknowledged`]),
        ...(reader.seen.length > 0 ? [] : ['nothing arrived at all']),
        ...(invented + reader.unreadable === 0
          ? []
          : [`${invented + reader.unreadable} messages tell what never happened`]),
      ],
    };
  },
};

/** How long the write-ahead log is by now, in bytes: what writing, and reading, has cost the database's disk. */
async function logEnd(bench: Bench): Promise<number> {
  const [row] = await bench.query<{ bytes: number }>(`SELECT (pg_current_wal_lsn() - '0/0')::float8 AS bytes`);
  return row?.bytes ?? 0;
}
