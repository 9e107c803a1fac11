import { setTimeout as sleep } from 'node:timers/promises';
import { load as machineLoad, measuredOn, type MeasuredOn } from '@shop/infra/measured-on';
import { collect } from '../checker/collect.ts';
import type { Bounds, Gauges } from '../checker/evidence.ts';
import { numbersFrom } from '../lab/seed.ts';
import type { Fault } from './fault.ts';
import { Load } from './load.ts';
import { Site } from './site.ts';
import { sumUp, type Round, type Verdict } from './verdict.ts';

/** What results/<id>.json holds. */
export interface Result extends MeasuredOn {
  readonly id: string;
  readonly title: string;
  readonly verdict: Verdict;
  readonly seconds: number;
  readonly rounds: readonly Round[];
}

export interface RunOptions {
  /** One after the other, in one shop. */
  readonly faults: readonly Fault[];
  readonly seeds: readonly number[];
  readonly quick: boolean;
  readonly say: (line: string) => void;
  /** Called with each result as it comes. */
  readonly tell: (result: Result) => void;
}

const RATE = { quick: 6, full: 10 };
/** How long commands may take to know their outcome, and the shop to come to rest, after the last accident. */
const [KNOWN_WITHIN_MS, QUIET_WITHIN_MS] = [60_000, 120_000];
/** A burst leaves idle connections, which a server keeps for half a minute (libs/platform/src/http/server.ts). */
const RETURNED_WITHIN_MS = 60_000;
/** Twelve processes that have not been warm for long, and pools that grow to their bounds under load. */
const bounds: Bounds = { stalenessMs: 60_000, memoryMiB: 12 * 60, sockets: 12 * 30 };

/**
 * Opens one shop and lets each fault happen to it under load, once for each seed; after each the shop comes to rest,
 * and everything since its beginning is checked. What is broken stays so, and would be counted against what comes next:
 * a violation ends the run.
 */
export async function runFaults({ faults, seeds, quick, say, tell }: RunOptions): Promise<Result[]> {
  const loadBefore = machineLoad();
  const site = await Site.open(
    say,
    faults.flatMap(({ disk }) => disk ?? []),
  );
  const results: Result[] = [];
  try {
    const load = await Load.prepare(site);
    const before = await warm(site, load);
    let allowed = bounds;
    for (const fault of faults) {
      const began = performance.now();
      allowed = wider(allowed, fault.bounds);
      const rounds: Round[] = [];
      for (const seed of seeds) {
        rounds.push(await runRound({ fault, site, load, before, allowed, seed, quick, say }));
        if (rounds.at(-1)?.verdict === 'violated') break;
      }
      const verdict = rounds.map((round) => round.verdict).find((one) => one !== 'held') ?? 'held';
      const seconds = Math.round((performance.now() - began) / 100) / 10;
      const result: Result = {
        id: fault.id,
        title: fault.title,
        verdict,
        rounds,
        seconds,
        ...(await measuredOn(site.servers, loadBefore)),
      };
      tell(result);
      results.push(result);
      if (verdict === 'violated') break;
    }
    return results;
  } finally {
    await site.close();
  }
}

/** What was allowed to an earlier fault is still to be seen in the evidence of a later one. */
function wider(one: Bounds, other: Partial<Bounds> = {}): Bounds {
  const most = (name: keyof Bounds) => Math.max(one[name], other[name] ?? 0);
  return { stalenessMs: most('stalenessMs'), memoryMiB: most('memoryMiB'), sockets: most('sockets') };
}

/** A few orders, so that what is measured before is not a shop that has never done anything. */
async function warm(site: Site, load: Load): Promise<Gauges | undefined> {
  load.start(numbersFrom(0), 10);
  await sleep(2_000);
  await load.stop(KNOWN_WITHIN_MS);
  const moving = await site.quiet(QUIET_WITHIN_MS);
  if (moving !== undefined) throw new Error(`The shop did not come to rest before anything was done to it: ${moving}`);
  return site.gauges();
}

/** What the services hold once they are back where they were, or what they then still hold. */
async function settled(
  site: Site,
  before: Gauges | undefined,
  { sockets, memoryMiB }: Bounds,
): Promise<Gauges | undefined> {
  let after = site.gauges();
  for (
    const until = performance.now() + RETURNED_WITHIN_MS;
    before && after && performance.now() < until;
    after = site.gauges()
  ) {
    if (after.sockets - before.sockets <= sockets && after.memoryMiB - before.memoryMiB <= memoryMiB) break;
    await sleep(1_000);
  }
  return after;
}

interface RoundOptions extends Pick<RunOptions, 'quick' | 'say'> {
  readonly fault: Fault;
  readonly site: Site;
  readonly load: Load;
  readonly before: Gauges | undefined;
  readonly allowed: Bounds;
  readonly seed: number;
}

async function runRound({ fault, site, load, before, allowed, seed, quick, say }: RoundOptions): Promise<Round> {
  const next = numbersFrom(seed);
  site.begin(load);
  const since = performance.now();
  const earlier = load.journal.length;
  load.start(numbersFrom(seed ^ 0x10ad), fault.rate ?? (quick ? RATE.quick : RATE.full));
  await sleep(1_000);
  const struck = await fault.strike({ site, next, quick, say });
  await load.stop(KNOWN_WITHIN_MS);
  const arrivedMs = performance.now() - since;
  const moving = await site.quiet(QUIET_WITHIN_MS);
  const after = await settled(site, before, allowed);
  const evidence = await collect(site.sources, {
    journal: load.journal,
    poison: site.poison,
    lost: site.lost,
    deleted: site.deleted,
    counts: site.counts,
    gauges: before && after && { before, after },
    bounds: allowed,
  });
  const judged = fault.judge?.({ evidence, accidents: site.accidents, commands: load.journal.slice(earlier) });
  const round = sumUp({
    seed,
    evidence,
    accidents: [...site.accidents],
    findings: [struck, ...(judged ? [judged] : [])],
    earlier,
    moving,
  });
  say(
    `${fault.id} seed ${seed}: ${round.verdict} (${(arrivedMs / 1000).toFixed(0)} s of orders, ${((performance.now() - since) / 1000).toFixed(0)} s in all)`,
  );
  return round;
}
