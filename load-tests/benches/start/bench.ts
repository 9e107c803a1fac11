import { fileURLToPath } from 'node:url';
import { defaultState, holderOfState, Obstacle } from '@shop/infra/state';
import { spread, type Bench, type Measured, type Setting } from '../../lab/bench.ts';
import { runTool } from '../../lab/tool.ts';
import { judged, type Verdict } from '../../lab/versus.ts';

const LOADS = { full: 3, quick: 1 } as const;
const [SECONDS, MIB] = [12, 1_536];
const PATIENCE_MS = 120_000;
const root = fileURLToPath(new URL('../../..', import.meta.url));

/**
 * `npm start -- --once` as a person types it, from the key to the confirmed order and its mail; once before, so that
 * everything is fetched.
 */
export const bench: Bench = {
  title: 'From npm start to the first confirmed order',
  need: [],
  proves: ['P8'],
  async measure({ quick, say }: Setting): Promise<Measured> {
    if (holderOfState(defaultState))
      throw new Obstacle('The shop runs here: "npm stop" ends it, so that its start can be measured.');
    await start();
    const rounds = [];
    for (let round = 1; round <= LOADS[quick ? 'quick' : 'full']; round++) {
      const came = await start();
      rounds.push(came);
      say(`round ${round}: ${came.seconds} s, ${came.megabytes} MB`);
    }
    const [seconds, megabytes] = [
      spread(rounds.map((round) => round.seconds)),
      spread(rounds.map((round) => round.megabytes)),
    ];
    const measured = `${seconds.median} s (${seconds.min} – ${seconds.max}), ${megabytes.median} MB PSS`;
    const verdict: Verdict = {
      id: 'P8',
      what: 'npm start, not the first time, to the story of a confirmed order',
      base: '–',
      goal: `≤ ${SECONDS} s; ≤ ${MIB} MB together`,
      measured,
      verdict: judged(seconds, seconds.median <= SECONDS && megabytes.median <= MIB),
    };
    return {
      figures: { verdicts: [verdict], rounds },
      lines: [`P8 ${measured}; goal ${verdict.goal}: ${verdict.verdict}`],
      doubts: [],
    };
  },
};

/**
 * What it says of itself: seconds from the start to the end of the story, and the memory of the product and its servers
 * together.
 */
async function start(): Promise<{ seconds: number; megabytes: number }> {
  const { output, code } = await runTool(
    { program: process.execPath, args: [`${root}tools/run.mjs`, 'start', '--once'], patience: PATIENCE_MS },
    {},
  );
  const seconds = Number(/From the start to the end of the story: ([\d.]+) s/.exec(output)?.[1]);
  const megabytes = Number(/· together[^·\d]* (\d+)/.exec(output)?.[1]);
  if (code !== 0 || !seconds || !megabytes) throw new Error(`npm start failed (${code}):\n${output.slice(-2_000)}`);
  return { seconds, megabytes };
}
