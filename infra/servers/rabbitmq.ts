import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect as connectTo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'amqplib';
import { isCached } from '../cache.ts';
import { freePorts } from '../ports.ts';
import { Obstacle, type State } from '../state.ts';
import { fromDebian, hasDebian } from './debian.ts';
import type { Source } from './index.ts';
import { untilReady } from './start.ts';

/** Why this machine can have no native RabbitMQ, with the next step; undefined when it can. */
export function rabbitmqObstacle(): string | undefined {
  if (isCached('rabbitmq-server-debian') || hasDebian()) return undefined;
  return 'RabbitMQ is fetched from Debian packages (apt-get, dpkg), which this machine lacks: start Docker, or set RABBITMQ_URL.';
}

/** No message larger than Kafka's, one user, and limits that a laptop can bear. */
export function settings(port: number, password: string): string {
  const values = {
    'listeners.tcp.1': `127.0.0.1:${port}`,
    default_user: 'shop',
    default_pass: password,
    max_message_size: 1_048_576,
    'vm_memory_high_watermark.absolute': '256MB',
    'disk_free_limit.absolute': '50MB',
    // Debian's ra keeps 512 MB of log by default before it makes room.
    'raft.wal_max_size_bytes': 33_554_432,
    'log.console': true,
    'log.console.level': 'warning',
  };
  return Object.entries(values)
    .map(([key, value]) => `${key} = ${value}\n`)
    .join('');
}

/** RabbitMQ and the Erlang it runs on, unpacked from Debian's packages. */
export function nativeRabbitmq(state: State, wishedPort: number, say: (line: string) => void): Source {
  return {
    how: 'native',
    async start() {
      const obstacle = rabbitmqObstacle();
      if (obstacle) throw new Obstacle(obstacle);
      if (!isCached('rabbitmq-server-debian'))
        say('Fetching RabbitMQ from its Debian packages (34 MB, once for all clones)');
      // Erlang's start script names the folder it would be installed in.
      const { folder, env } = await fromDebian(
        state,
        'rabbitmq-server',
        `sed -i 's|ROOTDIR=/usr/lib/erlang|ROOTDIR=$ERL_ROOTDIR|' usr/lib/erlang/bin/erl`,
      );
      const [port, distribution, epmd] = (await freePorts([wishedPort, 0, 0])) as [number, number, number];
      const home = join(state.folder, 'rabbitmq');
      mkdirSync(home, { recursive: true, mode: 0o700 });
      writeFileSync(join(home, 'rabbitmq.conf'), settings(port, state.secret('rabbitmq')), { mode: 0o600 });
      const erlang = { ...env, ...erlangEnvironment(folder, epmd), HOME: home };
      const log = join(state.folder, 'logs/rabbitmq.log');
      // Erlang's port mapper, which a node would start by itself: on every interface, and to stay.
      const mapper = {
        command: join(folder, 'usr/lib/erlang/bin/epmd'),
        args: ['-port', String(epmd), '-address', '127.0.0.1'],
      };
      const names = await state.processes.start({ name: 'epmd', ...mapper, env: erlang, log, cwd: home });
      await untilReady(names, () => listens(epmd), log);
      const command = join(folder, 'usr/lib/rabbitmq/bin/rabbitmq-server');
      const server = await state.processes.start({
        name: 'rabbitmq',
        command,
        args: [],
        env: { ...erlang, ...nodeEnvironment(home, distribution) },
        log,
        cwd: home,
      });
      void server.exited.then(() => names.stop());
      const url = rabbitmqUrl(port, state);
      await untilReady(server, () => rabbitmqAnswers(url), log);
      return url;
    },
  };
}

export const rabbitmqUrl = (port: number, state: State) => `amqp://shop:${state.secret('rabbitmq')}@127.0.0.1:${port}`;

/** Resolves when it lets us in. */
export async function rabbitmqAnswers(url: string): Promise<void> {
  const connection = await connect(url, { timeout: 2_000 });
  connection.on('error', () => {});
  await connection.close();
}

async function listens(port: number): Promise<void> {
  const socket = connectTo({ port, host: '127.0.0.1', timeout: 2_000 });
  try {
    await once(socket, 'connect');
  } finally {
    socket.destroy();
  }
}

/**
 * How long Debian's RabbitMQ may take to write down the name of a queue that it has made: half a second, when nobody
 * asks for any.
 */
const WRITTEN_WITHIN_MS = 30_000;

/**
 * Resolves when a native RabbitMQ would know these quorum queues again after a kill. Before
 * https://github.com/rabbitmq/ra/pull/443 (2024) it answers that a queue is made before the name of its log is on disk:
 * killed in between, it begins an empty log that never gets a leader (docs/adr/0013).
 */
export async function queuesOnDisk(state: State, queues: readonly string[]): Promise<void> {
  const file = join(state.folder, 'rabbitmq/data', NODE, 'quorum', NODE, 'names.dets');
  for (const until = Date.now() + WRITTEN_WITHIN_MS; ; await sleep(20)) {
    const written = readFileSync(file, 'latin1');
    const missing = queues.filter((queue) => !written.includes(`%2F_${queue}`));
    if (missing.length === 0) return;
    if (Date.now() > until) throw new Error(`RabbitMQ has not written down ${missing.join(', ')}`);
  }
}

const erlangEnvironment = (folder: string, epmd: number) => ({
  ERL_ROOTDIR: join(folder, 'usr/lib/erlang'),
  PATH: `${join(folder, 'usr/lib/erlang/bin')}:${process.env['PATH']}`,
  ERL_EPMD_PORT: String(epmd),
  ERL_EPMD_ADDRESS: '127.0.0.1',
  // Nothing in there starts another port mapper, which would outlive all of it.
  ERL_FLAGS: '-start_epmd false',
});

/** The node keeps its data under its name, so that is always the same. */
const NODE = 'shop@localhost';

const nodeEnvironment = (home: string, distribution: number) => ({
  RABBITMQ_NODENAME: NODE,
  RABBITMQ_DIST_PORT: String(distribution),
  RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
  RABBITMQ_MNESIA_BASE: join(home, 'data'),
  RABBITMQ_LOG_BASE: home,
  RABBITMQ_CONFIG_FILE: join(home, 'rabbitmq.conf'),
  RABBITMQ_ENABLED_PLUGINS_FILE: join(home, 'plugins'),
  RABBITMQ_CONF_ENV_FILE: '/dev/null',
  // Its start script then becomes the server, instead of waiting for it: a kill reaches the server itself.
  detached: 'true',
});
