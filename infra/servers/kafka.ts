import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Admin } from '@platformatic/kafka';
import { cached, onPath } from '../cache.ts';
import { givenSecurity } from '../kafka-security.ts';
import { freePorts } from '../ports.ts';
import { Obstacle, type State } from '../state.ts';
import type { Source } from './index.ts';
import { classPath, fetchJars, jarsObstacle } from './java.ts';
import { run, untilReady } from './start.ts';

const version = '4.3.1';
const pom = fileURLToPath(new URL('./kafka/pom.xml', import.meta.url));

/**
 * A small heap, the cheap compiler and the serial collector: half the memory and half the start-up time of Kafka's own
 * start script.
 */
const jvmFlags = ['-Xms256m', '-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-XX:MaxDirectMemorySize=64m'];

/** Why this machine can have no native Kafka, with the next step; undefined when it can. */
export const kafkaObstacle = (): string | undefined =>
  jarsObstacle({ what: 'Kafka', folder: `kafka-${version}`, variable: 'KAFKA_BROKERS' });

/**
 * One broker that is its own controller (KRaft), on loopback. Topics are made by the launcher, never by a typing error.
 */
export function properties(port: number, controllerPort: number): string {
  const one = { 'replication.factor': 1, 'min.isr': 1, 'num.partitions': 4 };
  const values: Record<string, string | number | boolean> = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    // A list: a comma in the path of a clone would begin another folder, and a backslash escapes. From where the broker
    // runs, in its own folder.
    'log.dirs': 'data',
    'auto.create.topics.enable': false,
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 4,
    ...prefixed('transaction.state.log.', one),
    ...prefixed('share.coordinator.state.topic.', one),
    'group.initial.rebalance.delay.ms': 0,
    'message.max.bytes': 1_048_576,
    'log.cleaner.dedupe.buffer.size': 4_194_304, // the default takes half of the heap
  };
  return Object.entries(values)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
}

const prefixed = (prefix: string, values: Record<string, number>) =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [prefix + key, value]));

/** What a broker is told beyond that: other listeners, and users who sign in at them. */
export interface MoreSettings {
  settings?: (port: number, controllerPort: number) => string;
  /** Arguments of its storage's format. */
  format?: string[];
}

/** Apache Kafka itself, from Maven Central. */
export function nativeKafka(
  state: State,
  wishedPort: number,
  say: (line: string) => void,
  more: MoreSettings = {},
): Source {
  return {
    how: 'native',
    async start() {
      const obstacle = kafkaObstacle();
      if (obstacle) throw new Obstacle(obstacle);
      const fetched = fetchJars(state, {
        folder: `kafka-${version}`,
        pom,
        say,
        what: `Kafka ${version} by Maven (44 MB, once for all clones)`,
      });
      const jars = await fetched.catch((error: Error) => {
        throw new Obstacle(`Kafka could not be fetched. "npm start -- --lite" does without it.\n${error.message}`);
      });
      const archive = await classArchive(state, jars, say);
      const flags = archive ? [`-XX:SharedArchiveFile=${archive}`] : [];
      const { server, port } = await boot(state, { jars, home: join(state.folder, 'kafka'), wishedPort, flags, more });
      const brokers = `127.0.0.1:${port}`;
      await untilReady(server, () => brokerAnswers(brokers), join(state.folder, 'logs/kafka.log'));
      return brokers;
    },
  };
}

/** Resolves when the broker answers a question about its topics. */
export async function brokerAnswers(brokers: string): Promise<void> {
  const admin = new Admin({
    ...givenSecurity(),
    clientId: 'launcher',
    bootstrapBrokers: brokers.split(','),
    retries: 0,
    connectTimeout: 2_000,
    timeout: 2_000,
  });
  try {
    await admin.listTopics();
  } finally {
    await admin.close();
  }
}

interface Broker {
  jars: string;
  wishedPort: number;
  home: string;
  flags: string[];
  name?: string;
  more?: MoreSettings;
}

async function boot(
  state: State,
  { jars, home, wishedPort, flags, name = 'kafka', more: { settings, format = [] } = {} }: Broker,
) {
  const log = join(state.folder, `logs/${name}.log`);
  const [port, controllerPort] = (await freePorts([wishedPort, 0])) as [number, number];
  mkdirSync(home, { recursive: true, mode: 0o700 });
  writeFileSync(
    join(home, 'server.properties'),
    properties(port, controllerPort) + (settings?.(port, controllerPort) ?? ''),
  );
  const java = (flags: string[], main: string, ...args: string[]) => {
    return {
      command: onPath('java')!,
      args: [...jvmFlags, ...flags, '-cp', classPath(jars), main, ...args],
      log,
      cwd: home,
    };
  };
  if (!existsSync(join(home, 'data/meta.properties'))) {
    rmSync(join(home, 'data'), { recursive: true, force: true });
    // One id in 64 would begin with a dash, which the tool takes for an option.
    const cluster = randomBytes(16).toString('base64url').replace(/^-/, '_');
    await run(state, {
      name: `${name}-format`,
      ...java([], 'kafka.tools.StorageTool', 'format', '-t', cluster, '-c', 'server.properties', ...format),
    });
  }
  return {
    port,
    log,
    server: await state.processes.start({ name, ...java(flags, 'kafka.Kafka', 'server.properties') }),
  };
}

/**
 * Kafka's classes as the JVM keeps them in memory (AppCDS), made by one training run on throw-away data: the broker
 * then starts in half the time. Where it cannot be made, Kafka starts without.
 */
async function classArchive(state: State, jars: string, say: (line: string) => void): Promise<string | undefined> {
  const java = realpathSync(onPath('java')!);
  const { size, mtimeMs } = statSync(java);
  const key = createHash('sha256').update([java, size, mtimeMs, jvmFlags, jars].join()).digest('hex').slice(0, 12);
  try {
    const folder = await cached(`kafka-${version}-classes-${key}`, async (into) => {
      say('Preparing Kafka for quick starts (once)');
      const home = join(state.folder, 'kafka-training');
      const flags = [`-XX:ArchiveClassesAtExit=${join(into, 'classes.jsa')}`];
      const { server, port, log } = await boot(state, { jars, home, wishedPort: 0, name: 'kafka-training', flags });
      await untilReady(server, () => brokerAnswers(`127.0.0.1:${port}`), log);
      await server.stop(60_000);
      rmSync(home, { recursive: true, force: true });
    });
    const archive = join(folder, 'classes.jsa');
    return existsSync(archive) ? archive : undefined;
  } catch (error) {
    say(`Kafka starts without its class archive (${(error as Error).message.split('\n')[0]})`);
    return undefined;
  }
}
