/**
 * `npx nx run @shop/tools:workflows`, part of lint: actionlint and zizmor over .github/workflows, and kube-score over
 * every overlay of k8s/, each where the language is there that brings it. What they would miss, specs look at.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cached, isCached, onPath } from '@shop/infra/cache';
import { overlays, rendered } from '@shop/infra/overlays';

interface Linter {
  name: string;
  version: string;
  /** What it is made or fetched with. */
  needs: string;
  make: (into: string) => void;
  /** From the folder that make() filled to the program. */
  program: string;
  run: (program: string) => void;
}

const fromGo = (module: string, version: string) => ({
  version,
  needs: 'go',
  make: (into: string) =>
    run('go', ['install', `${module}@${version}`], { ...process.env, GOBIN: into, GOFLAGS: '-mod=mod' }),
  program: module.split('/').at(-1) ?? '',
});

const linters: Linter[] = [
  {
    name: 'actionlint',
    ...fromGo('github.com/rhysd/actionlint/cmd/actionlint', 'v1.7.12'),
    run: (program) => run(program, ['-color=false']),
  },
  {
    name: 'zizmor',
    version: '1.32.0',
    needs: 'python3',
    make: (into) => {
      run('python3', ['-m', 'pip', 'download', '--quiet', '--no-deps', '--dest', into, 'zizmor==1.32.0']);
      run('/bin/sh', [
        '-ec',
        'cd "$0" && python3 -m zipfile -e *.whl . && rm *.whl && mv zizmor-*.data/scripts/zizmor . && rm -r zizmor-*',
        into,
      ]);
      chmodSync(join(into, 'zizmor'), 0o755);
    },
    program: 'zizmor',
    run: (program) => run(program, ['--offline', '--no-progress', '--quiet', '.github/workflows']),
  },
  { name: 'kube-score', ...fromGo('github.com/zegl/kube-score/cmd/kube-score', 'v1.20.0'), run: scores },
];

/** What kube-score calls critical and is left so: docs/adr/0043. */
const argued = [
  '--ignore-container-cpu-limit',
  '--ignore-test=networkpolicy-targets-pod',
  '--ignore-test=horizontalpodautoscaler-has-target',
];

/**
 * Images that a developer built lie on the node, and nowhere else: pulling them always would find none
 * (k8s/overlays/dev/local-images.yaml).
 */
const arguedOfDev = ['--ignore-test=container-image-pull-policy'];

function scores(program: string): void {
  const folder = mkdtempSync(join(tmpdir(), 'kube-score-'));
  try {
    for (const name of overlays) {
      const file = join(folder, `${name}.yaml`);
      // JSON, which YAML 1.1 and 1.2 read alike.
      writeFileSync(
        file,
        rendered(name)
          .map((manifest) => JSON.stringify(manifest))
          .join('\n---\n'),
      );
      run(
        program,
        ['score', file, '--output-format=ci', ...argued, ...(name === 'dev' ? arguedOfDev : [])],
        process.env,
        'pipe',
      );
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Its output is shown when it fails, or as it comes. */
function run(program: string, args: string[], env = process.env, out: 'inherit' | 'pipe' = 'inherit'): void {
  const { status, error, stdout } = spawnSync(program, args, {
    stdio: ['ignore', out, 'inherit'],
    env,
    timeout: 170_000,
    encoding: 'utf8',
  });
  if (status === 0) return;
  if (stdout)
    console.error(
      stdout
        .split('\n')
        .filter((line) => line.startsWith('[CRITICAL]'))
        .join('\n'),
    );
  throw new Error(`${program} ${args.join(' ')} failed: ${error?.message ?? `exit code ${status}`}`);
}

try {
  for (const { name, version, needs, make, program, run: look } of linters) {
    const kept = `${name}-${version}`;
    if (onPath(needs) === undefined && !isCached(kept)) console.log(`skipped: no ${needs}, which ${name} comes with`);
    else {
      look(join(await cached(kept, async (into) => make(into)), program));
      console.log(`${name} ${version}: nothing to say`);
    }
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
