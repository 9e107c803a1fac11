import { globSync } from 'node:fs';
import { join } from 'node:path';
import { cached, onPath } from '../cache.ts';
import { ownEnvironment } from '../shell-environment.mjs';
import type { State } from '../state.ts';
import { run } from './start.ts';

/** Whether this machine can fetch and unpack Debian packages; it needs no rights for that. */
export const hasDebian = (): boolean => ['apt-get', 'dpkg'].every((program) => onPath(program) !== undefined);

export interface Unpacked {
  folder: string;
  env: NodeJS.ProcessEnv;
}

/**
 * What an installation of the package would bring and this machine lacks, fetched and unpacked for all clones but not
 * installed. `after`: a script to run in it.
 */
export async function fromDebian(state: State, name: string, after = ':'): Promise<Unpacked> {
  const folder = await cached(`${name}-debian`, async (into) => {
    const sh = (tool: string, script: string) =>
      run(state, {
        name: tool,
        command: '/bin/sh',
        args: ['-ec', script],
        log: join(state.folder, `logs/${name}.log`),
        cwd: into,
        env: process.env,
      });
    await sh(
      'apt-get',
      `apt-get download $(apt-get install --simulate --no-install-recommends ${name} | awk '$1 == "Inst" { print $2 }')`,
    );
    await sh('dpkg', `for package in *.deb; do dpkg -x "$package" . && rm "$package"; done; ${after}`);
  });
  const folders = new Set(globSync('usr/lib/**/*.so{,.*}', { cwd: folder }).map((file) => join(folder, file, '..')));
  return { folder, env: { ...ownEnvironment(), LD_LIBRARY_PATH: [...folders].join(':') } };
}
