/** `npx nx run @shop/tools:workflows`, part of lint: actionlint over .github/workflows, where Go is there to build it with. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { cached, isCached, onPath } from '@shop/infra/cache';

const version = 'v1.7.12';
const name = `actionlint-${version}`;

if (onPath('go') === undefined && !isCached(name)) {
  console.log('skipped: no Go, which actionlint is built with. Specs check how the workflows are pinned and what they may do.');
} else {
  const folder = await cached(name, async (into) => run('go', ['install', `github.com/rhysd/actionlint/cmd/actionlint@${version}`], { ...process.env, GOBIN: into, GOFLAGS: '-mod=mod' }));
  run(join(folder, 'actionlint'), ['-color=false'], process.env);
  console.log(`actionlint ${version}: nothing to say`);
}

function run(program: string, args: string[], env: NodeJS.ProcessEnv): void {
  const { status, error } = spawnSync(program, args, { stdio: 'inherit', env, timeout: 170_000 });
  if (status === 0) return;
  console.error(`${program} ${args.join(' ')} failed: ${error?.message ?? `exit code ${status}`}`);
  process.exit(1);
}
