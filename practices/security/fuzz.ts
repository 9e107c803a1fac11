import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cached, isCached, onPath } from '@shop/infra/cache';
import { signIn } from '@shop/infra/login';
import { Obstacle } from '@shop/infra/state';
import type { Outcome } from '@shop/infra/test-report';
import type { Command, Occasion } from './command.ts';
import type { Shop } from './shop.ts';

/** From PyPI, pinned: what it generates, and what it checks, changes from one release to the next. */
const schemathesis = 'schemathesis==4.32.5';

/** Cases of its own invention for each operation on each push, beside every example and every edge of every schema. */
const shortExamples = '3';
/** Cases below which a run tells nothing. */
const fewest = 100;
/** An access token lives for five minutes; a run with one of them ends before. */
const longest = 240;

type Version = 'v1' | 'v2';
const identities = { customer: 'demo@example.com', admin: 'admin@example.com' } as const;
type Who = keyof typeof identities;
const everyPair: readonly (readonly [Version, Who])[] = [
  ['v1', 'customer'],
  ['v1', 'admin'],
  ['v2', 'customer'],
  ['v2', 'admin'],
];
const onEachPush: typeof everyPair = [
  ['v1', 'customer'],
  ['v2', 'admin'],
];
const password = 'demo-password-1';

/**
 * "A request that its schema allows is accepted" cannot be asked: no schema tells a cursor that was made up (400), or a
 * product that is not sold (422).
 */
const unknowable = 'positive_data_acceptance';

/** A missing If-Match is refused by 428 (RFC 6585), which Schemathesis does not expect of a header that is required. */
const settings = '[checks.missing_required_header]\nexpected-statuses = [400, 401, 403, 406, 428]\n';

export const fuzz: Command = {
  what: 'Schemathesis on both versions of the API, by every check and phase; --minutes 30: as long as that, and each version as a customer and as an admin',
  obstacle: () =>
    onPath('python3')
      ? undefined
      : 'there is no Python here, which Schemathesis needs (Debian: apt-get install python3-pip)',
  async run(shop, occasion) {
    const site = await installed(occasion);
    const minutes = minutesOf(occasion.args);
    const until = Date.now() + minutes * 60_000;
    const outcomes: Outcome[] = [];
    for (let seed = 1; seed === 1 || Date.now() < until; seed++) {
      for (const [version, who] of minutes > 0 ? everyPair : onEachPush) {
        const seconds = Math.min(longest, Math.max(30, Math.floor((until - Date.now()) / 4_000)));
        outcomes.push(
          await attacked(shop, {
            version,
            who,
            seed,
            site,
            occasion,
            effort: minutes > 0 ? ['--max-time', String(seconds)] : ['--max-examples', shortExamples],
          }),
        );
      }
    }
    return outcomes;
  },
};

function minutesOf(args: readonly string[]): number {
  const at = args.indexOf('--minutes');
  const nightly = process.env['CI_LEVEL'] === 'nightly' && args.includes('--check');
  const minutes = at === -1 ? (nightly ? 30 : 0) : Number(args[at + 1]);
  if (!Number.isFinite(minutes) || minutes < 0) throw new Obstacle('--minutes wants a number.');
  return minutes;
}

/** Where its packages are: fetched once for all clones. */
function installed({ say }: Occasion): Promise<string> {
  const name = schemathesis.replace('==', '-');
  if (!isCached(name)) say(`Fetching ${schemathesis} from PyPI (once for all clones)`);
  return cached(name, async (into) => {
    const { code, text } = await python(
      [
        '-m',
        'pip',
        'install',
        '-q',
        '--disable-pip-version-check',
        '--no-warn-script-location',
        '--root-user-action=ignore',
        '--target',
        into,
        schemathesis,
      ],
      {},
    );
    if (code !== 0)
      throw new Obstacle(
        `Schemathesis cannot be had (Python 3.10 or newer with pip, and PyPI): ${text.trim().split('\n').at(-1)}`,
      );
  });
}

interface Attack {
  readonly version: Version;
  readonly who: Who;
  readonly effort: readonly string[];
  readonly seed: number;
  readonly site: string;
  readonly occasion: Occasion;
}

async function attacked(shop: Shop, { version, who, effort, seed, site, occasion: { say } }: Attack): Promise<Outcome> {
  const { url } = shop.services.gateway;
  const { accessToken } = await signIn({
    issuer: shop.issuer,
    email: identities[who],
    password,
    ...(who === 'admin' && { totp: shop.adminTotp }),
  });
  const folder = mkdtempSync(join(tmpdir(), 'fuzz-'));
  const report = join(folder, 'report.json');
  writeFileSync(join(folder, 'schemathesis.toml'), settings);
  try {
    const { text } = await python(
      [
        ...[
          '-m',
          'schemathesis.cli',
          'run',
          `${url}/${version}/openapi.json`,
          '--url',
          url,
          '-H',
          `Authorization: Bearer ${accessToken}`,
        ],
        ...['--phases', 'examples,coverage,fuzzing,stateful', '--checks', 'all', '--exclude-checks', unknowable],
        ...[
          '--seed',
          String(seed),
          ...effort,
          '--workers',
          '1',
          '--no-color',
          '--continue-on-failure',
          '--suppress-health-check',
          'all',
        ],
        ...['--report', 'json', '--report-json-path', report],
      ],
      { PYTHONPATH: site, HOME: folder },
      folder,
    );
    const told = tellOf(report, text);
    say(`${version} as ${who}: ${told.cases} cases`);
    return { test: `fuzz ${version} as ${who}, seed ${seed}`, faults: told.faults };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Report {
  readonly operations: { readonly selected: number; readonly tested: number };
  readonly test_cases: { readonly generated: number };
  readonly failures: readonly { readonly title: string; readonly operations: readonly string[] }[];
  readonly errors: readonly { readonly title: string; readonly count: number }[];
}

/** What it found. A run that tried little, or not everything, has shown nothing. */
function tellOf(file: string, text: string): { cases: number; faults: string[] } {
  let report: Report;
  try {
    report = JSON.parse(readFileSync(file, 'utf8')) as Report;
  } catch {
    return { cases: 0, faults: [`it left no report: ${text.trim().split('\n').slice(-5).join(' ')}`] };
  }
  const { operations, test_cases: cases, failures, errors } = report;
  const faults = [
    ...failures.map(({ title, operations: where }) => `${title}: ${where.join(', ')}`),
    ...errors.map(({ title, count }) => `${title} (${count})`),
    ...(operations.tested === operations.selected
      ? []
      : [`of ${operations.selected} operations ${operations.tested} were tried`]),
    ...(cases.generated >= fewest ? [] : [`only ${cases.generated} cases were tried`]),
  ];
  return { cases: cases.generated, faults: faults.length > 0 ? [...faults, reproductions(text)] : [] };
}

/** What to type to see it again. */
const reproductions = (text: string) =>
  text
    .split('\n')
    .filter((line) => line.includes('curl -X'))
    .slice(0, 5)
    .join('\n');

/** Runs Python to its end, or ends it when it takes far longer than it was given. */
function python(
  args: readonly string[],
  env: Record<string, string>,
  cwd = tmpdir(),
): Promise<{ code: number | null; text: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn('python3', args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    const late = setTimeout(() => child.kill('SIGKILL'), (longest + 120) * 1_000);
    let text = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (more: string) => (text += more));
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(late);
      resolve({ code, text });
    });
  });
}
