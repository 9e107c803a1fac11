import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { prepareBus, type BusEnvironment } from './bus.ts';
import { provision, type DatabaseName, type DatabaseUrls } from './databases.ts';
import {
  choosePorts,
  environmentOf,
  inherited,
  serviceNames,
  urlOf,
  type OutsideName,
  type ServiceName,
  type Topology,
} from './environment.ts';
import { freePorts } from './ports.ts';
import type { RunningProcess } from './processes.ts';
import { adminTotpOf } from './secrets.ts';
import type { Servers, StartingServers } from './servers/index.ts';
import { isReady, Supervised } from './supervisor.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

export interface ShopOptions {
  /** Running, or still starting: then each service starts as soon as what it needs is there. */
  servers: Servers | StartingServers;
  /** How many of every service (1). */
  instances?: number;
  /** 'fixed': the ports people know, where they are free; 'free': any (tests). */
  ports: 'fixed' | 'free';
  say: (line: string) => void;
  /** All services in one process, on the in-memory bus. */
  lite?: boolean;
  /** Every instance shows its metrics to Prometheus. */
  measured?: boolean;
  /** Set before every database, role and key, so that several shops can share one Postgres and one Redis. */
  prefix?: string;
  /** More environment for every instance of a service: settings, fail-points. */
  env?: Partial<Record<ServiceName, Record<string, string>>>;
}

/**
 * Settings of a stage that is measured or tested: one machine plays all clients, from one address, on processors that
 * it shares with others. Limits stay in the way of each request and are never reached; event loops may be as late as
 * such a machine makes them.
 */
const unhurried = { RATE_LIMITS: '*.*=1000000/60', SHED_LOOP_DELAY_MS: '2000' };

/**
 * As late as they may be by default, for `restart`: where it is to be shown that a service turns away what it cannot
 * do.
 */
export const shedding = { SHED_LOOP_DELAY_MS: '150' };

/**
 * How V8 clears away what is young. It gives new objects up to 128 MB before it does, and a service that has just
 * loaded its modules holds as much: six of them are 170 MB larger than with this, which the limit of 1.5 GB for all has
 * no room for. And it clears by several threads, which wait for each other; where processes are more than cores they do
 * so for a time slice, and one thread alone is done sooner: a third more cached reads on two cores.
 */
export const youngObjects = ['--max-semi-space-size=16', '--no-parallel-scavenge'] as const;

type MemberName = ServiceName | 'shop' | 'provider' | 'mail';

interface Member {
  service: MemberName;
  instance: number;
  supervised: Supervised;
  /** What restart() added to its environment. */
  added: Record<string, string>;
  /** The tree whose code it runs. */
  tree: string;
}

interface Launch {
  service: MemberName;
  instance?: number;
  main: string;
  environment: (member: Member) => Record<string, string>;
  ready: () => Promise<void>;
}

/**
 * Makes databases and topics, and starts the simulators and the services. Whatever was started is stopped when one
 * fails.
 */
export async function startShop(options: ShopOptions): Promise<Shop> {
  const { adminUrl } = await options.servers.postgres;
  const ports = await choosePorts(options); // not earlier: Docker may have images to fetch first
  const { secret } = options.servers.state;
  const databases = await provision(adminUrl, {
    prefix: options.prefix ?? '',
    secret,
    replication: process.env['OUTBOX_DRIVER'] === 'wal',
  });
  const shop = new Shop(options, {
    ...ports,
    databases,
    secret,
    bus: { BUS: 'memory' },
    redis: undefined,
    traces: undefined,
    keyPrefix: `shop:${options.prefix ?? ''}`,
  });
  try {
    await shop.start();
    return shop;
  } catch (error) {
    await shop.stop();
    throw error;
  }
}

const programOf = (main: string) => ({
  command: process.execPath,
  args: [...youngObjects, '--import', './tools/ts.mjs', main],
});

/** A running shop, and the hand that kills and restarts its processes. */
export class Shop {
  /**
   * The first instance of each service; of the outside world, the provider's API, the mail catcher's page and its SMTP.
   */
  readonly urls: Record<ServiceName | OutsideName, string>;
  /** Every instance of each service. */
  readonly instances: Record<ServiceName, string[]>;
  private readonly members: Member[] = [];

  constructor(
    private readonly options: ShopOptions,
    private readonly topology: Topology,
  ) {
    const { provider, mail, smtp } = topology.outside;
    const each = <V>(value: (name: ServiceName) => V) =>
      Object.fromEntries(serviceNames.map((name) => [name, value(name)])) as Record<ServiceName, V>;
    this.instances = each((name) => topology.ports[name].map((port) => urlOf(port)));
    this.urls = {
      ...each((name) => this.instances[name][0]!),
      provider: urlOf(provider),
      mail: urlOf(mail),
      smtp: urlOf(smtp, 'smtp'),
    };
  }

  get bus(): BusEnvironment {
    return this.topology.bus;
  }

  /** Kafka's, where it is the bus. */
  get brokers(): string | undefined {
    return this.bus.BUS === 'kafka' ? this.bus.KAFKA_BROKERS : undefined;
  }

  /** Zipkin, where traces go to it. */
  get traces(): string | undefined {
    return this.topology.traces;
  }

  /** Where Prometheus finds each service's instances; undefined when they are not measured. */
  get metrics(): Record<ServiceName, string[]> | undefined {
    const { metrics } = this.topology;
    return (
      metrics &&
      (Object.fromEntries(
        serviceNames.map((name) => [name, metrics[name].map((port) => `127.0.0.1:${port}`)]),
      ) as Record<ServiceName, string[]>)
    );
  }

  get databases(): Record<DatabaseName, DatabaseUrls> {
    return this.topology.databases;
  }

  /** The bearer key of the payment provider's API. */
  get providerKey(): string {
    return this.topology.secret('provider key');
  }

  /** With it the client `operator` asks auth for a token. */
  get operatorSecret(): string {
    return this.topology.secret('operator client');
  }

  /** The key of the demo admin's authenticator app. */
  get adminTotp(): string {
    return adminTotpOf(this.topology.secret);
  }

  get processes(): { service: MemberName; instance: number; pid: number | undefined; restarts: number }[] {
    return this.members.map(({ service, instance, supervised: { pid, restarts } }) => ({
      service,
      instance,
      pid,
      restarts,
    }));
  }

  async start(): Promise<void> {
    const { servers, lite } = this.options;
    this.topology.redis = (await servers.redis)?.url;
    this.topology.traces = (await servers.zipkin)?.url;
    await Promise.all([this.startOutside(), lite ? this.startTogether() : this.startApart()]);
  }

  /**
   * Kills it as an accident would (SIGKILL unless said), and resolves when it is dead. The supervisor then starts it
   * again: see untilReady().
   */
  async kill(service: ServiceName, instance = 1, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.member(service, instance).supervised.kill(signal);
  }

  /** Resolves when the instance says it is ready. */
  untilReady(service: ServiceName, instance = 1): Promise<void> {
    return this.member(service, instance).supervised.untilReady();
  }

  /** Ends an instance in good order; restart() brings it back. */
  async halt(service: ServiceName, instance = 1): Promise<void> {
    await this.member(service, instance).supervised.stop();
  }

  /**
   * Ends an instance in good order, unless halted, and starts it, until the next restart with more environment, or from
   * the tree of another version.
   */
  async restart(service: ServiceName, instance = 1, env: Record<string, string> = {}, tree = root): Promise<void> {
    const member = this.member(service, instance);
    await member.supervised.stop();
    Object.assign(member, { added: env, tree });
    await member.supervised.start();
  }

  /**
   * Starts one more instance of a service, with more environment or from another tree, and leaves it to its caller:
   * nobody waits until it is ready, sends it requests, or starts it again. The path is that of its log.
   */
  async startStray(
    service: ServiceName,
    name: string,
    env: Record<string, string>,
    tree = root,
  ): Promise<RunningProcess & { readonly log: string }> {
    const { processes, folder } = this.options.servers.state;
    const log = join(folder, 'logs', `${name}.log`);
    const [port] = await freePorts([0]);
    const environment = {
      ...inherited(),
      ...environmentOf(service, 1, this.topology),
      ...unhurried,
      INSTANCE: name,
      PORT: String(port),
      PARENT_WATCH: '1',
      ...env,
    };
    const process = await processes.start({
      name,
      ...programOf(`apps/${service}/src/main.ts`),
      cwd: tree,
      log,
      env: environment,
      ours: true,
    });
    return Object.assign(process, { log });
  }

  /** Ends every process of the shop in good order. The servers stay. */
  async stop(): Promise<void> {
    const outsiders = ({ service }: Member) => service === 'provider' || service === 'mail';
    const end = (members: Member[]) => Promise.all(members.map(({ supervised }) => supervised.stop()));
    await end(this.members.filter((member) => !outsiders(member)));
    await end(this.members.filter(outsiders));
  }

  /** Each service in processes of its own; those that need no broker do not wait for it. */
  private async startApart(): Promise<void> {
    const { servers, instances = 1 } = this.options;
    const start = (names: ServiceName[]) =>
      Promise.all(
        names.flatMap((service) =>
          Array.from({ length: instances }, (_, index) => this.startService(service, index + 1)),
        ),
      );
    const rest = async () => {
      this.topology.bus = await prepareBus(servers);
      await start(['catalog', 'orders', 'payments', 'notifications']);
    };
    await Promise.all([start(['gateway', 'auth']), rest()]);
  }

  private async startTogether(): Promise<void> {
    const one = (name: ServiceName) => ({ ...environmentOf(name, 1, this.topology), ...this.options.env?.[name] });
    const environment = () => ({
      ENVIRONMENTS: JSON.stringify(Object.fromEntries(serviceNames.map((name) => [name, one(name)]))),
    });
    const ready = async () => void (await Promise.all(serviceNames.map((name) => isReady(this.urls[name]))));
    await this.launch({ service: 'shop', main: 'infra/lite.ts', environment, ready });
  }

  private startService(service: ServiceName, instance: number): Promise<void> {
    const stage = this.options.ports === 'free' ? unhurried : {};
    const environment = (member: Member) => ({
      ...environmentOf(service, instance, this.topology),
      ...stage,
      ...this.options.env?.[service],
      ...member.added,
    });
    const ready = () => isReady(this.instances[service][instance - 1]!);
    return this.launch({ service, instance, main: `apps/${service}/src/main.ts`, environment, ready });
  }

  private async startOutside(): Promise<void> {
    const { folder } = this.options.servers.state;
    const { provider, mail, smtp } = this.topology.outside;
    const home = (name: string) => {
      mkdirSync(join(folder, name), { recursive: true, mode: 0o700 });
      return join(folder, name);
    };
    const answers = (url: string) =>
      fetch(url, { signal: AbortSignal.timeout(2_000) }).then((response) => response.body?.cancel());
    const launch = (service: 'provider' | 'mail', environment: Record<string, string>) =>
      this.launch({
        service,
        main: `infra/simulators/${service}.ts`,
        environment: () => environment,
        ready: () => answers(this.urls[service]),
      });
    await Promise.all([
      launch('provider', { PORT: `${provider}`, LEDGER_DIR: home('provider'), PROVIDER_KEY: this.providerKey }),
      launch('mail', { PORT: `${mail}`, SMTP_PORT: `${smtp}`, MAIL_DIR: home('mail') }),
    ]);
  }

  private async launch({ service, instance = 1, main, environment, ready }: Launch): Promise<void> {
    const { processes, folder } = this.options.servers.state;
    const name = `${service}-${instance}`;
    const command = () => ({
      name,
      ...programOf(main),
      cwd: member.tree,
      log: join(folder, 'logs', `${name}.log`),
      env: { ...inherited(), ...environment(member), PARENT_WATCH: '1', NODE_COMPILE_CACHE: join(root, '.cache/v8') }, // the cache: 1/8 less CPU for loading
      ours: true,
    });
    const member: Member = {
      service,
      instance,
      added: {},
      tree: root,
      supervised: new Supervised(processes, command, ready, this.options.say),
    };
    this.members.push(member);
    await member.supervised.start();
    this.options.say(`${name} is ready`);
  }

  private member(service: ServiceName, instance: number): Member {
    const found = this.members.find(
      (each) => (each.service === service && each.instance === instance) || each.service === 'shop',
    );
    if (!found) throw new Error(`There is no ${service} ${instance} in this shop.`);
    return found;
  }
}
