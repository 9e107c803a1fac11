import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isCached, onPath } from '../cache.ts';
import { freePorts } from '../ports.ts';
import type { State } from '../state.ts';
import type { Source } from './index.ts';
import { fetchJars, jarsObstacle } from './java.ts';
import { untilReady } from './start.ts';

const version = '3.5.1';
const folder = `zipkin-${version}`;
const pom = fileURLToPath(new URL('./zipkin/pom.xml', import.meta.url));
const jvmFlags = ['-Xms48m', '-Xmx128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-XX:MaxDirectMemorySize=32m'];
/** The latest spans, in memory: some thousand orders. */
const settings = (port: number) => [
  '--armeria.ports[0].ip=127.0.0.1',
  `--armeria.ports[0].port=${port}`,
  '--armeria.ports[0].protocols[0]=http',
  '--zipkin.storage.type=mem',
  '--zipkin.storage.mem.max-spans=100000',
  '--logging.level.root=WARN',
];

/**
 * Zipkin, which keeps traces and shows them, from Maven Central. Its address is known at once and nothing waits for it:
 * what is told before it is up is lost, and where it cannot be had, nothing is told.
 */
export function nativeZipkin(state: State, wishedPort: number, say: (line: string) => void): Source {
  return {
    how: 'native',
    async start() {
      const obstacle = jarsObstacle({ what: 'Zipkin', folder, variable: 'ZIPKIN_URL' });
      if (obstacle) {
        say(`No traces are shown: ${obstacle}`);
        return undefined;
      }
      const [port] = (await freePorts([wishedPort])) as [number];
      void boot(state, port, say).catch((error: Error) => say(`No traces are shown: ${error.message.split('\n')[0]}`));
      return `http://127.0.0.1:${port}`;
    },
  };
}

async function boot(state: State, port: number, say: (line: string) => void): Promise<void> {
  const jars = await fetchJars(state, {
    folder,
    pom,
    say,
    what: `Zipkin ${version} by Maven (84 MB, once for all clones)`,
  });
  const jar = readdirSync(jars).find((name) => name.endsWith('.jar')) ?? '';
  const log = join(state.folder, 'logs/zipkin.log');
  const server = await state.processes.start({
    name: 'zipkin',
    command: onPath('java')!,
    args: [...jvmFlags, '-jar', join(jars, jar), ...settings(port)],
    log,
    cwd: state.folder,
  });
  await untilReady(server, () => zipkinAnswers(`http://127.0.0.1:${port}`), log);
}

/** Resolves when it takes spans. */
export async function zipkinAnswers(url: string): Promise<void> {
  const response = await fetch(`${url}/health`, { signal: AbortSignal.timeout(2_000) });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`it answers ${response.status}`);
}

/**
 * Waits until it takes spans, unless that would keep people waiting: when it has to be fetched first, or takes long.
 * Answers whether it does.
 */
export async function untilZipkin(url: string, patience = isCached(folder) ? 10_000 : 0): Promise<boolean> {
  for (const until = Date.now() + patience; ; await sleep(50)) {
    const ready = await zipkinAnswers(url).then(
      () => true,
      () => false,
    );
    if (ready || Date.now() >= until) return ready;
  }
}
