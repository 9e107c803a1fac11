import { execFile } from 'node:child_process';
import { statfs } from 'node:fs/promises';
import { availableParallelism, freemem, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify, stripVTControlCharacters } from 'node:util';
import { onPath } from './cache.ts';
import { outside, services } from './environment.ts';
import { isFree, serverPorts } from './ports.ts';
import { dockerObstacle } from './servers/docker.ts';
import { kafkaObstacle } from './servers/kafka.ts';
import { postgresObstacle } from './servers/postgres.ts';
import { rabbitmqObstacle } from './servers/rabbitmq.ts';
import { sqsObstacle } from './servers/sqs.ts';
import { defaultState, holderOfState } from './state.ts';

const exec = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));

/** One thing looked at. `needed`: nothing works without it. */
interface Finding {
  what: string;
  found: string;
  advice?: string | undefined;
  needed?: boolean;
}

/**
 * `npm run doctor`: what is there, and what to do about what is not. Returns 1 when `npm start` could not work at all.
 */
export async function doctorCommand(args: string[]): Promise<number> {
  const print = (line: string) => void process.stdout.write(`${line}\n`);
  if (parseArgs({ args, options: { help: { type: 'boolean' } } }).values.help) {
    print(
      'npm run doctor\n\nShows what this machine has of what the shop can use, and what to do about what is missing.',
    );
    return 0;
  }
  const findings = await Promise.all([...programs(), ...servers(), ...machine()]);
  for (const { what, found, advice, needed } of findings) {
    const mark = advice === undefined ? 'ok' : needed ? '!!' : ' -';
    print(`  ${mark}  ${what.padEnd(10)} ${found}`);
    if (advice !== undefined) print(`      ${''.padEnd(10)} → ${advice}`);
  }
  const fatal = findings.filter(({ advice, needed }) => needed && advice !== undefined);
  print(
    fatal.length > 0 ? `\nFirst see to: ${fatal.map(({ what }) => what).join(', ')}.` : '\n"npm start" works here.',
  );
  return fatal.length > 0 ? 1 : 0;
}

function programs(): Promise<Finding>[] {
  return [
    Promise.resolve({
      what: 'Node',
      found: `${process.version} (${process.execPath.startsWith(root) ? 'from node_modules' : 'this machine’s'})`,
    }),
    version('npm', ['--version']).then((found = 'none') => {
      return {
        what: 'npm',
        found,
        needed: true,
        ...(found === 'none' && { advice: 'npm comes with Node; put it on the PATH.' }),
      };
    }),
    version('java', ['-version']).then(java),
    version('mvn', ['-v']).then((found = 'none') => ({
      what: 'Maven',
      found,
      advice: found === 'none' && onPath('java') ? kafkaObstacle() : undefined,
    })),
  ];
}

function java(found: string | undefined): Finding {
  const advice =
    'Native Kafka needs Java 17 or newer (Debian: apt-get install default-jre-headless). Without it and without Docker the shop runs in lite.';
  const major = Number(/"(\d+)/.exec(found ?? '')?.[1] ?? 0);
  return { what: 'Java', found: found ?? 'none', ...(major < 17 && { advice }) };
}

function servers(): Promise<Finding>[] {
  const given = (variable: string) => (process.env[variable] ? `${variable} is set` : undefined);
  const asked = dockerObstacle();
  const docker = asked.then((obstacle) => obstacle === undefined);
  return [
    asked.then((obstacle) => ({
      what: 'Docker',
      found:
        obstacle === undefined ? 'the engine answers: it is used for the servers' : `${obstacle}: servers run natively`,
    })),
    docker.then((docker) => {
      const obstacle =
        given('POSTGRES_URL') || docker ? undefined : postgresObstacle(join(defaultState, 'postgres/data'));
      return {
        what: 'Postgres',
        found: given('POSTGRES_URL') ?? (docker ? 'by Docker' : obstacle ? 'none' : 'native, from npm'),
        needed: true,
        advice: obstacle,
      };
    }),
    docker.then((docker) => {
      const obstacle = given('KAFKA_BROKERS') || docker ? undefined : kafkaObstacle();
      return {
        what: 'Kafka',
        found: given('KAFKA_BROKERS') ?? (docker ? 'by Docker' : obstacle ? 'none: lite only' : 'native, by Maven'),
        advice: obstacle,
      };
    }),
    ...(['rabbitmq', 'sqs'] as const).map((name) =>
      docker.then((docker) => {
        const { what, variable, obstacle, way } = otherBrokers[name];
        const none = given(variable) || docker ? undefined : obstacle();
        return {
          what,
          found: `${given(variable) ?? (docker ? 'by Docker' : none === undefined ? way : 'none')}, for BUS=${name} only`,
          advice: none,
        };
      }),
    ),
    docker.then((docker) => {
      const way = ['redis-server', 'valkey-server', 'apt-get', 'python3'].find(onPath);
      const found = given('REDIS_URL') ?? (docker ? 'by Docker' : way ? `native, by ${way}` : 'none');
      const advice = 'Nothing needs it to be correct; with it reads are cached (Debian: apt-get install redis-server).';
      return { what: 'Redis', found, ...(found === 'none' && { advice }) };
    }),
  ];
}

const otherBrokers = {
  rabbitmq: {
    what: 'RabbitMQ',
    variable: 'RABBITMQ_URL',
    obstacle: rabbitmqObstacle,
    way: 'native, from Debian packages',
  },
  sqs: { what: 'SQS', variable: 'SQS_URL', obstacle: sqsObstacle, way: 'native (ElasticMQ), by Maven' },
};

function machine(): Promise<Finding>[] {
  const gigabytes = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GB`;
  const little = (bytes: number, wanted: number) => bytes < wanted * 2 ** 30;
  return [
    Promise.resolve({
      what: 'Memory',
      found: `${gigabytes(freemem())} free of ${gigabytes(totalmem())}`,
      ...(little(totalmem(), 3) && {
        advice: 'The whole shop takes up to 1.5 GB: close something, or npm start -- --lite.',
      }),
    }),
    Promise.resolve({
      what: 'Cores',
      found: String(availableParallelism()),
      ...(availableParallelism() < 2 && { advice: 'It works, but starts slowly: npm start -- --lite is quicker.' }),
    }),
    statfs(root).then(({ bavail, bsize }) => ({
      what: 'Disk',
      found: `${gigabytes(bavail * bsize)} free`,
      ...(little(bavail * bsize, 2) && {
        advice: 'node_modules, Kafka and the data take about 2 GB: make room.',
        needed: true,
      }),
    })),
    ports(),
  ];
}

async function ports(): Promise<Finding> {
  const holder = holderOfState(defaultState);
  if (holder) return { what: 'Ports', found: `in use by the shop itself (process ${holder.pid})` };
  const wished = [...Object.values(services), ...Object.values(outside), ...Object.values(serverPorts)];
  const free = await Promise.all(wished.map(isFree));
  const busy = wished.filter((_, index) => !free[index]);
  return { what: 'Ports', found: busy.length === 0 ? 'all free' : `in use: ${busy.join(', ')}; others will be chosen` };
}

/** The first line of what a program says of its version; Java says it on stderr. */
async function version(program: string, args: string[]): Promise<string | undefined> {
  if (!onPath(program)) return undefined;
  try {
    const { stdout, stderr } = await exec(program, args, { timeout: 10_000 });
    // Maven prints in bold; Java begins with the options that the environment gives it.
    const lines = stripVTControlCharacters(stdout || stderr).split('\n');
    return lines.find((line) => !line.startsWith('Picked up '))?.trim();
  } catch {
    return undefined;
  }
}
