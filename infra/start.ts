import { parseArgs } from 'node:util';
import { wishedBus } from './bus.ts';
import { memoryOf } from './memory.ts';
import { addressOf, announce, runningShop, unannounce } from './running.ts';
import { findServers, noBrokerBecause, type Broker, type ServerName, type StartingServers } from './servers/index.ts';
import { hasPrometheus, startPrometheus } from './servers/prometheus.ts';
import { untilZipkin } from './servers/zipkin.ts';
import { startShop, type Shop } from './shop.ts';
import { defaultState, holderOfState, Obstacle, openState, type State } from './state.ts';
import { Steps } from './steps.ts';
import { checkSettings } from './user-settings.ts';

const usage = `npm start -- [--once] [--lite] [--instances <n>] [--no-order] [--no-traces]

Starts the real system: Postgres, Kafka and Redis (from POSTGRES_URL, KAFKA_BROKERS, REDIS_URL; else Docker; else native, from packages),
six services, a simulated payment provider and a mail catcher; beside them Zipkin for traces and, where it is installed, Prometheus. Then it places one real order and tells its story. Ctrl-C stops it all.

  --once           tell the story, stop everything, exit 0 if the order was confirmed and the mail came
  --lite           one process, embedded Postgres, the in-memory bus: the smallest laptop, in seconds
  --instances <n>  so many of every service (also INSTANCES=n)
  --no-order       place no order at the end
  --no-traces      without Zipkin, which keeps and shows traces (also when OTEL_TRACES_EXPORTER says where they go)

  LOG_LEVEL, OTEL_…, RATE_LIMITS, SHED_LOOP_DELAY_MS, MAX_CONNECTIONS, OUTBOX_DRIVER in the environment: the same for every service. Nothing else of
  the shell reaches servers and services: no PG…, no proxy, no options of Node or Java.

  BUS=rabbitmq, BUS=sqs in the environment: with another broker in the place of Kafka (docs/brokers.md); KAFKA_CLIENT=kafkajs: with its other client
`;

interface Options {
  once: boolean;
  lite: boolean;
  instances: number;
  order: boolean;
  traces: boolean;
}

function parse(args: string[]): Options | undefined {
  const flag = { type: 'boolean', default: false } as const;
  const instances = { type: 'string', default: process.env['INSTANCES'] ?? '1' } as const;
  const { values } = parseArgs({
    args,
    options: { once: flag, lite: flag, instances, 'no-order': flag, 'no-traces': flag, help: flag },
  });
  if (values.help) return undefined;
  const count = Number(values.instances);
  if (!Number.isInteger(count) || count < 1 || count > 9)
    throw new Obstacle(`--instances is a number from 1 to 9, not "${values.instances}".`);
  return {
    once: values.once,
    lite: values.lite,
    instances: count,
    order: !values['no-order'],
    traces: !values['no-traces'],
  };
}

/** `npm start`. Whatever ends it, everything it started is stopped first. Returns the exit code. */
export async function startCommand(args: string[]): Promise<number> {
  const options = parse(args);
  if (!options) return print(usage);
  const holder = holderOfState(defaultState);
  if (holder)
    throw new Obstacle(
      `The shop runs here already, since ${holder.since} (process ${holder.pid})${whereItListens()}. "npm stop" ends it.`,
    );
  const steps = new Steps();
  await checkSettings(steps.say);
  const interruption = whenInterrupted();
  const state = await openState(defaultState, steps.say);
  try {
    const work = run(state, options, steps);
    work.catch(() => {}); // what fails because it is being stopped is of no interest
    return await Promise.race([work, interruption]);
  } finally {
    steps.end();
    unannounce(state.folder);
    const stopping = performance.now();
    await state.close();
    steps.print(
      `Stopped everything in ${((performance.now() - stopping) / 1000).toFixed(1)} s. Data and logs stay in .state ("npm run reset" wipes them).`,
    );
  }
}

async function run(state: State, options: Options, steps: Steps): Promise<number> {
  const broker = await brokerFor(options.lite, steps);
  const lite = broker === undefined;
  const need: ServerName[] = lite
    ? ['postgres']
    : [
        'postgres',
        broker,
        'redis',
        ...(options.traces && process.env['OTEL_TRACES_EXPORTER'] === undefined ? (['zipkin'] as const) : []),
      ];
  const servers = await findServers(state, { need, say: steps.say, ports: 'fixed' });
  showServers(servers, steps);
  const instances = lite ? 1 : options.instances;
  const shop = await steps.run(
    'services',
    startShop({ servers, instances, ports: 'fixed', say: steps.say, lite, measured: !lite && hasPrometheus() }),
    () => 'All services are ready',
  );
  announce(state.folder, shop);
  if (shop.metrics)
    await steps.run(
      'Prometheus',
      startPrometheus(state, shop.metrics),
      (url) => `Prometheus (native) on ${url}, with the rules of docs/objectives.md`,
    );
  if (shop.traces !== undefined)
    await steps.run('Zipkin', untilZipkin(shop.traces), (ready) =>
      ready ? `Zipkin (${servers.how.zipkin}) on ${shop.traces}` : 'Zipkin is not up yet: it will miss this order',
    );
  const confirmed = options.order ? await tell(shop, steps) : true;
  showMemory(state, steps);
  if (options.once) return confirmed ? 0 : 1;
  const { whatNext } = await import('./story.ts');
  for (const line of ['', ...whatNext(addressOf(shop)), '', 'Ctrl-C stops everything.']) steps.print(line);
  return new Promise(() => {});
}

async function tell(shop: Shop, steps: Steps): Promise<boolean> {
  const { tellStory } = await import('./story.ts');
  steps.print('');
  const confirmed = await tellStory(addressOf(shop), steps.print);
  if (confirmed) steps.print(`\nFrom the start to the end of the story: ${steps.elapsed.toFixed(1)} s`);
  return confirmed;
}

/**
 * The broker that is wished for; undefined when the shop does without, by wish or because Kafka can be had in no way.
 */
async function brokerFor(lite: boolean, { print }: Steps): Promise<Broker | undefined> {
  const bus = lite ? 'memory' : wishedBus();
  const obstacle = bus === 'memory' ? undefined : await noBrokerBecause(bus);
  if (bus !== 'memory' && obstacle === undefined) return bus;
  // Who asks for another than the usual one does not want none.
  if (obstacle !== undefined && bus !== 'kafka') throw new Obstacle(obstacle);
  if (obstacle !== undefined) print(obstacle);
  print(
    'Lite: the same six services in one process, on embedded Postgres and an in-memory bus. Not shown then: a broker, Redis, several instances,\n' +
      'processes that die one at a time, and messages that outlive the process between outbox and consumer.',
  );
  return undefined;
}

function showServers(servers: StartingServers, steps: Steps): void {
  const told = (name: string, how: () => string) => (address: string | undefined) =>
    address === undefined ? undefined : `${name} (${how()}) on ${address}`;
  const host = (url: string) =>
    url
      .replace(/^\w+:\/\//, '')
      .replace(/^.*@/, '')
      .replace(/\/.*$/, '');
  const shown = [
    steps.run(
      'Postgres',
      servers.postgres.then(({ adminUrl }) => host(adminUrl)),
      told('Postgres', () => servers.how.postgres),
    ),
    steps.run(
      'Kafka',
      servers.kafka.then((kafka) => kafka?.brokers),
      told('Kafka', () => servers.how.kafka),
    ),
    steps.run(
      'RabbitMQ',
      servers.rabbitmq.then((rabbitmq) => rabbitmq && host(rabbitmq.url)),
      told('RabbitMQ', () => servers.how.rabbitmq),
    ),
    steps.run(
      'SQS',
      servers.sqs.then((sqs) => sqs && host(sqs.url)),
      told('SQS', () => servers.how.sqs),
    ),
    steps.run(
      'Redis',
      servers.redis.then((redis) => redis && host(redis.url)),
      told('Redis', () => servers.how.redis),
    ),
  ];
  for (const each of shown) each.catch(() => {}); // startShop waits for the same promises and fails with them
}

/** What only looks on. */
const beside = ['zipkin', 'prometheus', 'maven'];

/** Memory by process: PSS, so that pages shared by several count once in all. */
function showMemory({ processes }: State, { print }: Steps): void {
  const sizes = processes.pids.map(({ name, pid }) => ({ name, size: memoryOf(pid) }));
  const known = sizes.flatMap(({ name, size }) =>
    size === undefined ? [] : [{ name, megabytes: Math.round(size / 2 ** 20) }],
  );
  if (known.length === 0) return;
  const total = known.reduce((sum, { name, megabytes }) => sum + (beside.includes(name) ? 0 : megabytes), 0);
  const without = known.some(({ name }) => beside.includes(name)) ? ` without ${beside.join(' and ')}` : '';
  print(
    `\nMemory (PSS, MB): ${known.map(({ name, megabytes }) => `${name} ${megabytes}`).join(' · ')} · together${without} ${total}`,
  );
}

/**
 * Resolves with the exit code when somebody wants this to end (asked twice, it still ends in good order), and rejects
 * with an error that nobody caught: whatever happens, what was started is stopped first. What fails later, because it
 * is being stopped, is of no interest.
 */
function whenInterrupted(): Promise<number> {
  const codes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
  return new Promise((resolve, reject) => {
    for (const [signal, code] of Object.entries(codes)) process.on(signal, () => resolve(code));
    process.once('disconnect', () => resolve(codes.SIGTERM)); // tools/run.mjs, which started us, is gone
    process.on('uncaughtException', reject);
  });
}

function whereItListens(): string {
  try {
    return `: ${runningShop().urls.gateway}`;
  } catch {
    return ', still starting';
  }
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}
