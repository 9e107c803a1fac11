import { serverPorts } from '../ports.ts';
import { openState, Obstacle, type State } from '../state.ts';
import { composeServers, dockerAnswers, imageObstacle } from './docker.ts';
import { brokerAnswers, kafkaObstacle, nativeKafka } from './kafka.ts';
import { answers, nativePostgres } from './postgres.ts';
import { nativeRabbitmq, rabbitmqAnswers, rabbitmqObstacle } from './rabbitmq.ts';
import { nativeRedis, redisAnswers } from './redis.ts';
import { nativeSqs, sqsAnswers, sqsObstacle } from './sqs.ts';
import { checkSettings } from '../user-settings.ts';
import { nativeZipkin, zipkinAnswers } from './zipkin.ts';

export { breakable, type Breakable } from './accident.ts';
export { dockerObstacle, stopCompose } from './docker.ts';
export { kafkaObstacle } from './kafka.ts';
export type ServerName = 'postgres' | 'kafka' | 'redis' | 'rabbitmq' | 'sqs' | 'zipkin';
const variables: Record<ServerName, string> = {
  postgres: 'POSTGRES_URL',
  kafka: 'KAFKA_BROKERS',
  redis: 'REDIS_URL',
  rabbitmq: 'RABBITMQ_URL',
  sqs: 'SQS_URL',
  zipkin: 'ZIPKIN_URL',
};
/** What can carry the messages. */
export const brokerNames = ['kafka', 'rabbitmq', 'sqs'] as const;
export type Broker = (typeof brokerNames)[number];
export type How = 'environment' | 'docker' | 'native' | 'none';

/** One way to come by one server: start() brings it up and gives its address. */
export interface Source {
  how: How;
  /** Why it can bring up none here, with the next step: asked before any server is started. */
  obstacle?(): string | undefined;
  start(): Promise<string | undefined>;
}

export interface Servers {
  postgres: { adminUrl: string };
  kafka?: { brokers: string } | undefined;
  redis?: { url: string } | undefined;
  rabbitmq?: { url: string } | undefined;
  /** What speaks SQS: ElasticMQ, or Amazon's own endpoint. */
  sqs?: { url: string } | undefined;
  /** Keeps and shows traces. */
  zipkin?: { url: string } | undefined;
  how: Record<ServerName, How>;
  state: State;
  stop(): Promise<void>;
}

/** The same while they start, so that what needs only one of them need not wait for the others. */
export interface StartingServers {
  postgres: Promise<{ adminUrl: string }>;
  kafka: Promise<{ brokers: string } | undefined>;
  redis: Promise<{ url: string } | undefined>;
  rabbitmq: Promise<{ url: string } | undefined>;
  sqs: Promise<{ url: string } | undefined>;
  /** Its address; it may not answer there yet. */
  zipkin: Promise<{ url: string } | undefined>;
  how: Record<ServerName, How>;
  state: State;
}

export interface ServerOptions {
  need: ServerName[];
  say: (line: string) => void;
  /**
   * How Docker is used where it is there: by compose.yaml (the default), or by Testcontainers, which cleans up after
   * tests; 'native': not at all, for whoever wants to kill servers.
   */
  mode?: 'compose' | 'testcontainers' | 'native';
  /** 'fixed': the same ports at each start, where they are free; any otherwise. */
  ports?: 'fixed' | 'free';
}

/**
 * Takes the state folder, and finds or starts the servers in it; `prepare` has the folder for itself before. They end
 * when stop() is called or this process dies in any way.
 */
export async function startServers({
  state: folder,
  prepare,
  ...options
}: ServerOptions & { state: string; prepare?: (state: State) => void }): Promise<Servers> {
  await checkSettings(options.say);
  const state = await openState(folder, options.say);
  try {
    prepare?.(state);
    const { postgres, kafka, redis, rabbitmq, sqs, zipkin, how } = await findServers(state, options);
    const found = await Promise.all([postgres, kafka, redis, rabbitmq, sqs, zipkin]);
    return {
      postgres: found[0],
      kafka: found[1],
      redis: found[2],
      rabbitmq: found[3],
      sqs: found[4],
      zipkin: found[5],
      how,
      state,
      stop: () => state.close(),
    };
  } catch (error) {
    await state.close();
    throw error;
  }
}

/** For each server: a URL in the environment, else a Docker engine, else native from packages. All start at once. */
export async function findServers(
  state: State,
  { need, say, mode = 'compose', ports = 'free' }: ServerOptions,
): Promise<StartingServers> {
  const given = Object.fromEntries(need.map((name) => [name, process.env[variables[name]]])) as Record<
    ServerName,
    string | undefined
  >;
  const missing = need.filter((name) => !given[name]);
  const docker =
    missing.length > 0 && mode !== 'native' && (await dockerAnswers())
      ? await inDocker(mode, state, missing, say)
      : undefined;
  const port = (name: ServerName) => (ports === 'fixed' ? serverPorts[name] : 0);
  const native: Record<ServerName, Source> = {
    postgres: nativePostgres(state, port('postgres')),
    kafka: nativeKafka(state, port('kafka'), say),
    redis: nativeRedis(state, port('redis'), say),
    rabbitmq: nativeRabbitmq(state, port('rabbitmq'), say),
    sqs: nativeSqs(state, port('sqs'), say),
    zipkin: nativeZipkin(state, port('zipkin'), say),
  };
  const source = (name: ServerName): Source => {
    if (!need.includes(name)) return { how: 'none', start: () => Promise.resolve(undefined) };
    return given[name] ? fromEnvironment(name, given[name]) : (docker ?? native)[name];
  };
  const names = Object.keys(variables) as ServerName[];
  const sources = Object.fromEntries(names.map((name) => [name, source(name)])) as Record<ServerName, Source>;
  const obstacle = names.map((name) => sources[name].obstacle?.()).find((each) => each !== undefined);
  if (obstacle !== undefined) throw new Obstacle(obstacle);
  const how = Object.fromEntries(names.map((name) => [name, sources[name].how])) as Record<ServerName, How>;
  const url = (name: ServerName) =>
    sources[name].start().then((url) => {
      if (url === undefined) how[name] = 'none';
      return url === undefined ? undefined : { url };
    });
  const starting = {
    postgres: url('postgres').then((found) => ({ adminUrl: found?.url ?? '' })),
    kafka: url('kafka').then((found) => found && { brokers: found.url }),
    redis: url('redis'),
    rabbitmq: url('rabbitmq'),
    sqs: url('sqs'),
    zipkin: url('zipkin'),
  };
  // Whoever awaits one of them sees its failure; none may be an unhandled rejection meanwhile.
  for (const each of Object.values(starting)) each.catch(() => {});
  return { ...starting, how, state };
}

type Say = (line: string) => void;

async function inDocker(
  mode: 'compose' | 'testcontainers',
  state: State,
  names: ServerName[],
  say: Say,
): Promise<Record<ServerName, Source>> {
  if (mode === 'compose') return composeServers(state, names, say);
  const { testContainers } = await import('./testcontainers.ts'); // half a second of modules that nothing else needs
  return testContainers(state, names);
}

const obstacles: Record<Broker, () => string | undefined> = {
  kafka: kafkaObstacle,
  rabbitmq: rabbitmqObstacle,
  sqs: sqsObstacle,
};

/** Why this broker can be had in no way here; undefined when it can. */
export async function noBrokerBecause(name: Broker): Promise<string | undefined> {
  return process.env[variables[name]] || (await dockerAnswers()) ? undefined : obstacles[name]();
}

/**
 * Why the container of this broker cannot be made, where it is to be one: its image is fetched by this, which takes a
 * while the first time.
 */
export async function noImageBecause(name: Broker): Promise<string | undefined> {
  return process.env[variables[name]] || !(await dockerAnswers()) ? undefined : imageObstacle(name);
}

/** Without Kafka there is no shop but the small one. */
export const noKafkaBecause = () => noBrokerBecause('kafka');

function fromEnvironment(name: ServerName, url: string): Source {
  const ask = {
    postgres: answers,
    kafka: brokerAnswers,
    redis: redisAnswers,
    rabbitmq: rabbitmqAnswers,
    sqs: sqsAnswers,
    zipkin: zipkinAnswers,
  }[name];
  return {
    how: 'environment',
    async start() {
      try {
        await ask(url);
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        throw new Obstacle(`${variables[name]} is set, but no ${name} answers there: ${message || code}`);
      }
      return url;
    },
  };
}
