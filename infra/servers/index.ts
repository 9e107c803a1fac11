import { serverPorts } from '../ports.ts';
import { openState, Obstacle, type State } from '../state.ts';
import { composeServers, dockerAnswers } from './docker.ts';
import { brokerAnswers, kafkaObstacle, nativeKafka } from './kafka.ts';
import { answers, nativePostgres } from './postgres.ts';
import { nativeRedis, redisAnswers } from './redis.ts';

export { stopCompose } from './docker.ts';
export type ServerName = 'postgres' | 'kafka' | 'redis';
const variables: Record<ServerName, string> = { postgres: 'POSTGRES_URL', kafka: 'KAFKA_BROKERS', redis: 'REDIS_URL' };
export type How = 'environment' | 'docker' | 'native' | 'none';

/** One way to come by one server: start() brings it up and gives its address. */
export interface Source {
  how: How;
  start(): Promise<string | undefined>;
}

export interface Servers {
  postgres: { adminUrl: string };
  kafka?: { brokers: string } | undefined;
  redis?: { url: string } | undefined;
  how: Record<ServerName, How>;
  state: State;
  stop(): Promise<void>;
}

/** The same while they start, so that what needs only one of them need not wait for the others. */
export interface StartingServers {
  postgres: Promise<{ adminUrl: string }>;
  kafka: Promise<{ brokers: string } | undefined>;
  redis: Promise<{ url: string } | undefined>;
  how: Record<ServerName, How>;
  state: State;
}

export interface ServerOptions {
  need: ServerName[];
  say: (line: string) => void;
  /** How Docker is used where it is there: by docker-compose.yml (the default), or by Testcontainers, which cleans up after tests. */
  mode?: 'compose' | 'testcontainers';
  /** 'fixed': the same ports at each start, where they are free; any otherwise. */
  ports?: 'fixed' | 'free';
}

/** Takes the state folder, and finds or starts the servers in it. They end when stop() is called or this process dies in any way. */
export async function startServers({ state: folder, ...options }: ServerOptions & { state: string }): Promise<Servers> {
  const state = await openState(folder, options.say);
  try {
    const starting = await findServers(state, options);
    const [postgres, kafka, redis] = await Promise.all([starting.postgres, starting.kafka, starting.redis]);
    return { postgres, kafka, redis, how: starting.how, state, stop: () => state.close() };
  } catch (error) {
    await state.close();
    throw error;
  }
}

/** For each server: a URL in the environment, else a Docker engine, else native from packages. All start at once. */
export async function findServers(state: State, { need, say, mode = 'compose', ports = 'free' }: ServerOptions): Promise<StartingServers> {
  const given = Object.fromEntries(need.map((name) => [name, process.env[variables[name]]])) as Record<ServerName, string | undefined>;
  const missing = need.filter((name) => !given[name]);
  const docker = missing.length > 0 && (await dockerAnswers()) ? await inDocker(mode, state, missing, say) : undefined;
  const port = (name: ServerName) => (ports === 'fixed' ? serverPorts[name] : 0);
  const native: Record<ServerName, Source> = {
    postgres: nativePostgres(state, port('postgres')),
    kafka: nativeKafka(state, port('kafka'), say),
    redis: nativeRedis(state, port('redis'), say),
  };
  const source = (name: ServerName): Source => {
    if (!need.includes(name)) return { how: 'none', start: () => Promise.resolve(undefined) };
    return given[name] ? fromEnvironment(name, given[name]) : (docker ?? native)[name];
  };
  const sources = { postgres: source('postgres'), kafka: source('kafka'), redis: source('redis') };
  const how = { postgres: sources.postgres.how, kafka: sources.kafka.how, redis: sources.redis.how };
  const starting = {
    postgres: sources.postgres.start().then((adminUrl) => ({ adminUrl: adminUrl ?? '' })),
    kafka: sources.kafka.start().then((brokers) => (brokers === undefined ? undefined : { brokers })),
    redis: sources.redis.start().then((url) => {
      if (url === undefined) how.redis = 'none';
      return url === undefined ? undefined : { url };
    }),
    how,
    state,
  };
  // Whoever awaits one of them sees its failure; none may be an unhandled rejection meanwhile.
  for (const each of [starting.postgres, starting.kafka, starting.redis]) each.catch(() => {});
  return starting;
}

type Say = (line: string) => void;

async function inDocker(mode: 'compose' | 'testcontainers', state: State, names: ServerName[], say: Say): Promise<Record<ServerName, Source>> {
  if (mode === 'compose') return composeServers(state, names, say);
  const { testContainers } = await import('./testcontainers.ts'); // half a second of modules that nothing else needs
  return testContainers(state, names);
}

/** Why Kafka can be had in no way here; undefined when it can. */
export async function noKafkaBecause(): Promise<string | undefined> {
  return process.env['KAFKA_BROKERS'] || (await dockerAnswers()) ? undefined : kafkaObstacle();
}

function fromEnvironment(name: ServerName, url: string): Source {
  const ask = { postgres: answers, kafka: brokerAnswers, redis: redisAnswers }[name];
  return {
    how: 'environment',
    async start() {
      await ask(url).catch((error: Error) => {
        throw new Obstacle(`${variables[name]} is set, but no ${name} answers there: ${error.message}`);
      });
      return url;
    },
  };
}
