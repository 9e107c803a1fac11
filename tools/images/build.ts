import { execFileSync } from 'node:child_process';
import { dockerfile, type Engine } from './engine.ts';
import type { ImageName } from './programs.ts';
import { root } from './reached.ts';

export const tagOf = (image: ImageName) => `ablation/${image}:${process.env['IMAGE_TAG'] ?? 'local'}`;

/**
 * Builds them one after the other: what they have in common is made by the first, and an engine without BuildKit would
 * make it for each.
 */
export async function buildImages(
  engine: Engine,
  names: readonly ImageName[],
  say: (line: string) => void,
): Promise<void> {
  const source = process.env['IMAGE_SOURCE'];
  const labels = [`revision=${revision()}`, ...(source ? [`source=${source}`] : [])].flatMap((label) => [
    '--label',
    `org.opencontainers.image.${label}`,
  ]);
  for (const name of names) {
    const began = performance.now();
    await engine.docker(
      ['build', '-f', dockerfile, '--build-arg', `SERVICE=${name}`, ...labels, '-t', tagOf(name), '.'],
      { minutes: 15 },
    );
    const { Size } = (await inspect(engine, tagOf(name))) as { Size: number };
    say(
      `  ${tagOf(name).padEnd(32)} ${String(Math.round(Size / 1e6)).padStart(5)} MB   built in ${((performance.now() - began) / 1000).toFixed(0)} s`,
    );
  }
}

export const inspect = async (engine: Engine, what: string): Promise<unknown> =>
  (JSON.parse(await engine.docker(['inspect', what])) as unknown[])[0];

/** The commit of this tree; unknown where it is not one of Git's. */
export function revision(): string {
  try {
    return execFileSync('git', ['rev-parse', 'HEAD'], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return 'unknown';
  }
}
