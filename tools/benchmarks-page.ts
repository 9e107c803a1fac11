import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

/** What of load-tests/results/*.json this page shows. */
interface Result {
  readonly date: string;
  readonly commit: { readonly id: string; readonly changed: boolean };
  readonly machine: Readonly<Record<string, string | number>>;
  readonly doubts?: readonly string[];
  readonly figures: {
    readonly verdicts?: readonly Line[];
    readonly rounds?: unknown;
    readonly millionOrders?: Readonly<Record<string, number>>;
  };
}

interface Line {
  readonly id: string;
  readonly what: string;
  readonly base: string;
  readonly goal: string;
  readonly measured: string;
  readonly verdict: string;
}

interface Scenario {
  readonly id: string;
  readonly title: string;
  readonly date: string;
  readonly rate: number;
  readonly seconds: number;
  readonly held: boolean;
  readonly rounds: readonly unknown[];
  readonly spread: Readonly<Record<string, { readonly median: number; readonly min: number; readonly max: number }>>;
}

const read = <T>(root: string, pattern: string): [string, T][] =>
  globSync(pattern, { cwd: join(root, 'load-tests/results') })
    .sort()
    .map((file) => [
      basename(file, '.json'),
      JSON.parse(readFileSync(join(root, 'load-tests/results', file), 'utf8')) as T,
    ]);

/** docs/benchmarks.md: every line from a result file, nothing by hand. */
export function benchmarksPage(root: string): string {
  const results = read<Result>(root, '*.json');
  const lines = results.flatMap(([id, { figures, ...result }]) =>
    (figures.verdicts ?? []).map((line) => ({ id, line, result })),
  );
  lines.sort((a, b) => a.line.id.localeCompare(b.line.id, 'en', { numeric: true }));
  return [
    intro,
    tableOf(lines),
    ...costs(results),
    ...scenariosOf(read<Scenario>(root, 'load/*.json')),
    machines(lines),
  ].join('\n');
}

const intro = `# Benchmarks

What the shop does, by what the machine it ran on can do at most: \`npm run bench <id>\` measures one line anew, \`npm run bench all\` all of them. Base and system have their
rounds in turn (A B A B) on the same servers, ratios are taken inside each round, and where rounds differ by more than 30 % the verdict is "too noisy". Rates of two machines
cannot be compared; ratios can, better. What falls short of its goal says so. Timings gate nothing.
`;

function tableOf(lines: readonly { id: string; line: Line; result: Omit<Result, 'figures'> }[]): string {
  if (lines.length === 0) return 'Nothing has been measured yet.\n';
  const rows = lines.map(
    ({ id, line: { id: number, what, base, goal, measured, verdict }, result: { doubts = [] } }) => {
      const told = doubts.length > 0 ? `${verdict}, doubted: ${doubts[0]}` : goal === 'told' ? '' : verdict;
      return `| ${number} | ${what} | ${base} | ${goal} | [${measured}](../load-tests/results/${id}.json) | ${told} |`;
    },
  );
  return [
    '| | what | base | goal | measured: median (least – most) | verdict |',
    '|---|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

/** Processor time only: what an hour of a core costs is between a reader and a provider. */
function costs(results: readonly [string, Result][]): string[] {
  const found = results.find(([, { figures }]) => figures.millionOrders)?.[1].figures.millionOrders;
  if (!found) return [];
  const total = Object.values(found).reduce((sum, hours) => sum + hours, 0);
  return [
    '## A million orders\n',
    `cost ${total.toFixed(1)} hours of one core of that machine, from the processor time of every process from the first order until the last was paid, confirmed, listed and its mail sent`,
    '(orders were placed as fast as they could be for a few seconds).\n',
    '| process | hours of a core |',
    '|---|---|',
    ...Object.entries(found).map(([process, hours]) => `| ${process} | ${hours} |`),
    '',
  ];
}

function scenariosOf(scenarios: readonly [string, Scenario][]): string[] {
  if (scenarios.length === 0) return [];
  const text = (spread: { median: number; min: number; max: number } | undefined) =>
    spread ? `${spread.median} (${spread.min} – ${spread.max})` : '';
  return [
    '## Scenarios\n',
    'By k6, at a fixed arrival rate, held to the [objectives](objectives.md): `npm run load <scenario> -- --rounds 5`.\n',
    '| scenario | asked for | requests a second | p99 ms | objectives |',
    '|---|---|---|---|---|',
    ...scenarios.map(
      ([, { id, title, rate, seconds, rounds, held, spread }]) =>
        `| [${id}](../load-tests/results/load/${id}.json): ${title} | ${rate} a second, ${rounds.length} × ${seconds} s | ${text(spread['perSecond'])} | ${text(spread['p99Ms'])} | ${held ? 'held' : 'not held'} |`,
    ),
    '',
  ];
}

function machines(lines: readonly { id: string; result: Omit<Result, 'figures'> }[]): string {
  const seen = new Map(lines.map(({ id, result }) => [id, result]));
  if (seen.size === 0) return '';
  const rows = [...seen].map(
    ([id, { date, commit, machine }]) =>
      `| ${id} | ${date.slice(0, 10)} | \`${commit.id.slice(0, 7)}\`${commit.changed ? ', changed' : ''} | ${machine['cores']} × ${machine['cpu']}, ${machine['memoryGiB']} GiB | ${machine['loadBefore']} → ${machine['loadAfter']} |`,
  );
  return [
    '## Where\n',
    '| bench | when | commit | machine | load average before → after |',
    '|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}
