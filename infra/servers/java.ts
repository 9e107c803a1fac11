import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { cached, isCached, onPath } from '../cache.ts';
import { ownEnvironment } from '../shell-environment.mjs';
import type { State } from '../state.ts';
import { run } from './start.ts';

/** A server that consists of jars. */
interface Jars {
  /** Where they are cached. */
  folder: string;
  /** Lists them. */
  pom: string;
  /** What is fetched, for a person. */
  what: string;
  say: (line: string) => void;
}

/** Why this machine can have no such server, with the next step; undefined when it can. */
export function jarsObstacle({
  what,
  folder,
  variable,
}: {
  what: string;
  folder: string;
  variable: string;
}): string | undefined {
  const java = javaVersion();
  if (java < 17) {
    const found = java > 0 ? `this is Java ${java}` : 'there is none';
    return `${what} needs Java 17 or newer (${found}): install it (Debian: apt-get install default-jre-headless), start Docker, or set ${variable}.`;
  }
  if (isCached(folder) || onPath('mvn')) return undefined;
  return `${what} is fetched by Maven, once: install it (Debian: apt-get install maven), start Docker, or set ${variable}.`;
}

/** The major version of the Java on the PATH; 0 where there is none, or only what macOS puts in its place. */
function javaVersion(): number {
  if (!onPath('java')) return 0;
  const { status, stderr } = spawnSync('java', ['-version'], {
    encoding: 'utf8',
    timeout: 10_000,
    env: ownEnvironment(),
  });
  // Up to 8 it says 1.8.
  return status === 0 ? Number(/ version "(?:1\.)?(\d+)/.exec(stderr)?.[1] ?? 0) : 0;
}

/** The folder of the jars, which Maven fetches once. */
export function fetchJars(state: State, { folder, pom, what, say }: Jars): Promise<string> {
  return cached(folder, async (into) => {
    say(`Fetching ${what}`);
    await run(state, {
      name: 'maven',
      command: onPath('mvn')!,
      args: [
        '-B',
        '-q',
        '-C',
        '-f',
        pom,
        'dependency:copy-dependencies',
        '-DincludeScope=runtime',
        `-DoutputDirectory=${into}`,
      ],
      log: join(state.folder, 'logs/maven.log'),
      cwd: state.folder,
      // Java asks the system for the home folder, which may know none (a container with a user of its own).
      env: { ...process.env, JDK_JAVA_OPTIONS: `${process.env['JDK_JAVA_OPTIONS'] ?? ''} -Duser.home="${homedir()}"` },
    });
  });
}

/** Sorted, because an archive of loaded classes is only good for the very class path it was made with. */
export const classPath = (jars: string): string =>
  readdirSync(jars)
    .filter((name) => name.endsWith('.jar'))
    .sort()
    .map((name) => join(jars, name))
    .join(':');
