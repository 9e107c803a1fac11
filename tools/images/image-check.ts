import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { written } from './bill.ts';
import { inspect, revision, tagOf } from './build.ts';
import type { Engine } from './engine.ts';
import { contentsOf } from './pack.ts';
import type { ImageName } from './programs.ts';

interface Config {
  Config: { User: string; Labels: Record<string, string> };
}

interface Inventory {
  user: number;
  packages: string[];
  bill: string;
  writable: string[];
  tools: string[];
}

/**
 * What is wrong with a built image: looked at from outside, and from within as it is run, with nothing to write to and
 * no rights.
 */
export async function faultsOf(engine: Engine, image: ImageName): Promise<string[]> {
  const { Config: config } = (await inspect(engine, tagOf(image))) as Config;
  const script = readFileSync(join(import.meta.dirname, 'inventory.mjs'), 'utf8');
  const locked = [
    '--rm',
    '--read-only',
    '--network',
    'none',
    '--cap-drop',
    'ALL',
    '--security-opt',
    'no-new-privileges',
  ];
  const said = await engine.docker([
    'run',
    ...locked,
    '--entrypoint',
    'node',
    tagOf(image),
    '--input-type=module',
    '--eval',
    script,
  ]);
  const found = JSON.parse(said) as Inventory;
  const { bill, packages } = contentsOf(image);
  const listed = [...new Set(packages.map(({ name, version }) => `${name}@${version}`))].sort();
  const wrong: [boolean, string][] = [
    [config.User !== '10001:10001' || found.user !== 10001, `runs as ${config.User}, as user ${found.user}`],
    [
      config.Labels['org.opencontainers.image.title'] !== `ablation/${image}`,
      `is labelled ${JSON.stringify(config.Labels)}`,
    ],
    [config.Labels['org.opencontainers.image.revision'] !== revision(), 'does not say of which commit it is'],
    [config.Labels['shop.ablation.sbom'] !== '/shop/sbom.cdx.json', 'does not say where its bill of materials is'],
    [found.writable.length > 0, `may write to ${found.writable.join(', ')}`],
    [found.tools.length > 0, `has ${found.tools.join(', ')}`],
    [found.bill !== written(bill), 'has a bill of materials that the lockfile does not give'],
    ...differences(found.packages, listed).map((each): [boolean, string] => [true, each]),
  ];
  return wrong.flatMap(([is, what]) => (is ? [what] : []));
}

function differences(found: string[], listed: string[]): string[] {
  return [
    ...found.filter((each) => !listed.includes(each)).map((each) => `holds ${each}, which is not in its bill`),
    ...listed.filter((each) => !found.includes(each)).map((each) => `lacks ${each} of its bill`),
  ];
}

/**
 * A first process that has no handler yet still ends when it is asked to: the exit code that says so, and not that of
 * SIGKILL.
 */
export async function endsEarly(engine: Engine): Promise<string[]> {
  const id = await engine.docker([
    'run',
    '-d',
    '--stop-timeout',
    '20',
    '--entrypoint',
    'node',
    tagOf('orders'),
    '--import',
    './process-1.mjs',
    '--eval',
    "console.log('up'); setInterval(() => {}, 1000)",
  ]);
  try {
    while (!(await engine.docker(['logs', id])).includes('up'))
      if (!(await isRunning(engine, id))) throw new Error('The container ended by itself.');
    await engine.docker(['stop', '-t', '20', id]);
    const code = await engine.docker(['inspect', '--format', '{{.State.ExitCode}}', id]);
    return code === '143' ? [] : [`it ended with ${code}`];
  } finally {
    await engine.docker(['rm', '-f', id], { refuses: true });
  }
}

const isRunning = async (engine: Engine, id: string) =>
  (await engine.docker(['inspect', '--format', '{{.State.Running}}', id])) === 'true';
