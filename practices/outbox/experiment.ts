import { findingsOf } from '../checker/findings.ts';
import type { Experiment, Load } from '../lab/experiment.ts';
import { numbersFrom, spread } from '../lab/seed.ts';
import { askAll, happened, plan, tables, topic } from '../lab/writer.ts';

interface OutboxLoad extends Load {
  readonly changes: number;
  readonly keys: number;
  readonly clients: number;
  readonly kills: number;
}

/** The writer's process is killed between its commit and what comes after it; who hears of the change? */
export const experiment: Experiment<OutboxLoad> = {
  title: 'Transactional outbox',
  harm: 'acknowledged changes nobody heard of',
  variants: [
    { name: 'publish after commit', practice: false, what: 'commit, then publish, then answer' },
    { name: 'outbox', practice: true, what: 'the message in the transaction, published by a relay' },
  ],
  load: {
    full: { seed: 20, changes: 3_000, keys: 200, clients: 8, kills: 10 },
    quick: { seed: 20, changes: 200, keys: 50, clients: 4, kills: 2 },
  },
  tables,
  topics: [topic],

  async round(bench, { name }, load) {
    const changes = await plan(bench, load);
    bench.arm(...spread(numbersFrom(load.seed), load.kills, load.changes).map((number) => `committed-${number}`));
    const [reader, service] = await Promise.all([
      bench.reader(topic),
      bench.start(import.meta.resolve('./service.ts'), name),
    ]);

    const journal = await askAll(service, changes, load.clients);
    await reader.settled(load.changes, bench.patienceMs);
    const truth = await happened(bench);
    const found = findingsOf(journal, reader.seen);
    return {
      harm: found.lost,
      figures: {
        acknowledged: journal.length,
        kills: service.kills,
        'asked again': service.repeats,
        lost: found.lost,
        doubled: found.doubled,
        inverted: found.inverted,
      },
      cases: found.cases,
      doubts: [
        ...bench.doubts(service),
        ...(journal.length === load.changes ? [] : [`of ${load.changes} changes ${journal.length} were acknowledged`]),
        ...(truth.length === load.changes ? [] : [`of ${load.changes} changes ${truth.length} are in the database`]),
        ...(found.invented + reader.unreadable === 0
          ? []
          : [`${found.invented + reader.unreadable} messages tell what never happened`]),
      ],
    };
  },
};
