import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onPath } from '../cache.ts';
import { freePorts } from '../ports.ts';
import { Obstacle, type State } from '../state.ts';
import type { Source } from './index.ts';
import { classPath, fetchJars, jarsObstacle } from './java.ts';
import { untilReady } from './start.ts';

const version = '1.7.1';
const pom = fileURLToPath(new URL('./sqs/pom.xml', import.meta.url));
const jvmFlags = ['-Xms64m', '-Xmx192m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];

/** Why this machine can have no native ElasticMQ, with the next step; undefined when it can. */
export const sqsObstacle = (): string | undefined =>
  jarsObstacle({ what: 'ElasticMQ (SQS)', folder: `elasticmq-${version}`, variable: 'SQS_URL' });

/**
 * Queues and messages on disk, each message before it is acknowledged, so that a kill loses none: by default it keeps
 * everything in memory. Paths from where it runs: in a quoted string or a JDBC address, that of a clone could mean
 * something else.
 */
export function settings(port: number): string {
  return `include classpath("application.conf")
pekko { loglevel = "WARNING", coordinated-shutdown.exit-jvm = off }
node-address { protocol = http, host = "127.0.0.1", port = ${port}, context-path = "" }
rest-sqs { enabled = true, bind-hostname = "127.0.0.1", bind-port = ${port}, sqs-limits = strict }
rest-stats { enabled = false }
queues-storage { enabled = true, path = "./queues.conf" }
messages-storage { enabled = true, uri = "jdbc:h2:./messages;WRITE_DELAY=0" }
`;
}

/** ElasticMQ, which speaks SQS, from Maven Central. */
export function nativeSqs(state: State, wishedPort: number, say: (line: string) => void): Source {
  return {
    how: 'native',
    async start() {
      const obstacle = sqsObstacle();
      if (obstacle) throw new Obstacle(obstacle);
      const jars = await fetchJars(state, {
        folder: `elasticmq-${version}`,
        pom,
        say,
        what: `ElasticMQ ${version} by Maven (37 MB, once for all clones)`,
      });
      const [port] = (await freePorts([wishedPort])) as [number];
      const home = join(state.folder, 'sqs');
      mkdirSync(home, { recursive: true, mode: 0o700 });
      writeFileSync(join(home, 'elasticmq.conf'), settings(port));
      const log = join(state.folder, 'logs/sqs.log');
      const args = [...jvmFlags, '-Dconfig.file=elasticmq.conf', '-cp', classPath(jars), 'org.elasticmq.server.Main'];
      const server = await state.processes.start({ name: 'sqs', command: onPath('java')!, args, log, cwd: home });
      const url = sqsUrl(port);
      await untilReady(server, () => sqsAnswers(url), log);
      return url;
    },
  };
}

/** ElasticMQ takes whoever comes; a client wants to be somebody. */
export const sqsUrl = (port: number) => `http://any:any@127.0.0.1:${port}`;

/** Resolves when something answers there, be it that it does not let us in: the services have their own rights. */
export async function sqsAnswers(url: string): Promise<void> {
  const response = await fetch(`${new URL(url).origin}/?Action=ListQueues`, { signal: AbortSignal.timeout(2_000) });
  await response.body?.cancel();
}
