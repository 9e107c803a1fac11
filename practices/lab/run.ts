import { randomBytes } from 'node:crypto';
import { load as machineLoad, measuredOn, type MeasuredOn } from '@shop/infra/measured-on';
import type { Servers } from '@shop/infra/servers';
import { Bench } from './bench.ts';
import { verdictOf, type Experiment, type Load, type Round, type Variant, type Verdict } from './experiment.ts';

/** What result.json holds: raw figures, and what they were measured on. */
export interface Result extends MeasuredOn {
  readonly id: string;
  readonly title: string;
  readonly harm: string;
  readonly verdict: Verdict;
  readonly load: Load;
  readonly rounds: readonly { readonly variant: Variant; readonly round: Round }[];
  readonly seconds: number;
}

export interface RunOptions {
  readonly id: string;
  readonly experiment: Experiment;
  readonly servers: Servers;
  readonly quick: boolean;
  readonly say: (line: string) => void;
}

const PATIENCE_MS = { quick: 5_000, full: 10_000 };

/**
 * Runs every variant with the same seed, load and kill schedule, each on a database, topics and processes of its own.
 * One after the other; or, when quick, side by side: counts do not care, and only a full run is written down.
 */
export async function runExperiment({ id, experiment, servers, quick, say }: RunOptions): Promise<Result> {
  const began = performance.now();
  const loadBefore = machineLoad();
  const load = quick ? experiment.load.quick : experiment.load.full;
  const one = async (variant: Variant) => {
    const since = performance.now();
    const round = await runRound({
      id,
      experiment,
      servers,
      variant,
      load,
      patienceMs: quick ? PATIENCE_MS.quick : PATIENCE_MS.full,
    });
    say(`${id}: ${variant.name} is through (${((performance.now() - since) / 1000).toFixed(1)} s)`);
    return { variant, round };
  };
  const rounds = quick ? await Promise.all(experiment.variants.map(one)) : [];
  if (!quick) for (const variant of experiment.variants) rounds.push(await one(variant));
  return {
    id,
    title: experiment.title,
    harm: experiment.harm,
    verdict: verdictOf(rounds),
    load,
    rounds,
    seconds: Math.round((performance.now() - began) / 100) / 10,
    ...(await measuredOn(servers, loadBefore)),
  };
}

async function runRound(
  options: Pick<RunOptions, 'id' | 'experiment' | 'servers'> & { variant: Variant; load: Load; patienceMs: number },
): Promise<Round> {
  const { id, experiment, servers, variant, load, patienceMs } = options;
  const namespace = `practice_${id}_${variant.name}_${randomBytes(3).toString('hex')}`
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_');
  const bench = await Bench.open({
    servers,
    namespace,
    patienceMs,
    tables: experiment.tables,
    topics: experiment.topics,
  });
  try {
    return await experiment.round(bench, variant, load);
  } finally {
    await bench.close();
  }
}
