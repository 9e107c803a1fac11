import { execFileSync } from 'node:child_process';
import { dockerfile, type Engine } from './engine.ts';
import type { ImageName } from './programs.ts';
import { root } from './reached.ts';

export const tagOf = (image: ImageName) => `ablation/${image}:${process.env['IMAGE_TAG'] ?? 'local'}`;

/** Builds them one after the other: what they have in common is made by the first, and an engine without BuildKit would make it for each. */
export async function buildImages(engine: Engine, names: readonly ImageName[], say: (line: string) => void): Promise<void> {
  const revision = git('rev-parse', 'HEAD');
  for (const name of names) {
    const began = performance.now();
    const args = { SERVICE: name, REVISION: revision, SOURCE: process.env['IMAGE_SOURCE'] ?? '' };
    await engine.docker(['build', '-f', dockerfile, ...Object.entries(args).flatMap(([key, value]) => ['--build-arg', `${key}=${value}`]), '-t', tagOf(name), '.'], { minutes: 15 });
    const { Size } = (await inspect(engine, tagOf(name))) as { Size: number };
    say(`  ${tagOf(name).padEnd(32)} ${String(Math.round(Size / 1e6)).padStart(5)} MB   built in ${((performance.now() - began) / 1000).toFixed(0)} s`);
  }
}

export const inspect = async (engine: Engine, what: string): Promise<unknown> => (JSON.parse(await engine.docker(['inspect', what])) as unknown[])[0];

function git(...args: string[]): string {
  try {
    return execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return 'unknown';
  }
}
