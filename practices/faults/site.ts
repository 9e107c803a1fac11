import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ServiceName } from '@shop/infra/environment';
import { breakable, startServers, type Breakable, type Servers } from '@shop/infra/servers';
import type { State } from '@shop/infra/state';
import { startShop, type Shop } from '@shop/infra/shop';
import { topics, type Topic } from '@shop/contracts';
import type { Admin } from 'kafkajs';
import { clientOf } from '../checker/kafka.ts';
import type { Sources } from '../checker/collect.ts';
import type { Gauges, Published } from '../checker/evidence.ts';
import { lagOf } from '../checker/topic-dump.ts';
import type { Accident, InFlight } from './accident.ts';
import { FailPoints } from './fail-points.ts';
import { gaugesOf } from './gauges.ts';
import type { Disk } from './fault.ts';
import type { Load } from './load.ts';
import { SmallDisk } from './small-disk.ts';
import { openRelays, type Relays } from './relays.ts';
import { Stores } from './stores.ts';

const folder = fileURLToPath(new URL('../../.state-tests/faults', import.meta.url));
type Say = (line: string) => void;

/** How long an accident waits for something to be under way, and how long for its victim. */
const AIM_MS = 60_000;
/** So many looks in a row have to find that nothing moves. */
const STILL = 3;

/** A whole shop on servers of its own, two instances of every service, and the hand that breaks it. */
export class Site {
  readonly accidents: Accident[] = [];
  readonly poison: string[] = [];
  /** What was taken away on its way: `topic key #sequence`. */
  readonly lost: string[] = [];
  /** What lay on topics before it was deleted there. */
  readonly deleted: Published[] = [];
  /** How many partitions topics have had, where that was changed. */
  readonly counts: Partial<Record<string, number[]>> = {};
  readonly instances: readonly { service: ServiceName; instance: number }[];
  /** Whose requests are in flight; set by the run. */
  load: Load | undefined;
  private began = performance.now();
  readonly stores: Stores;
  readonly relays: Relays;

  private constructor(
    readonly servers: Servers,
    readonly shop: Shop,
    readonly admin: Admin,
    private readonly failPoints: FailPoints,
    private readonly disks: ReadonlyMap<Disk['of'], SmallDisk>,
  ) {
    this.stores = new Stores(shop.databases);
    this.relays = openRelays(this.stores, shop, servers.postgres.adminUrl);
    this.instances = (Object.keys(shop.instances) as ServiceName[]).flatMap((service) =>
      shop.instances[service].map((_, index) => ({ service, instance: index + 1 })),
    );
  }

  static async open(say: Say, small: readonly Disk[] = []): Promise<Site> {
    const began = performance.now();
    const disks = new Map<Disk['of'], SmallDisk>();
    const prepare = (state: State) => {
      for (const name of ['postgres', 'kafka', 'provider', 'mail'])
        rmSync(join(state.folder, name), { recursive: true, force: true });
      for (const { of, mebibytes } of small) {
        const mounted = SmallDisk.mount(join(state.folder, of), mebibytes);
        disks.set(of, mounted);
        state.defer(async () => mounted.remove());
      }
    };
    const servers = await startServers({
      state: folder,
      need: ['postgres', 'kafka', 'redis'],
      mode: 'native',
      say,
      prepare,
    });
    try {
      const failPoints = new FailPoints(mkdtempSync(join(servers.state.folder, 'fail-points-')));
      const env = { FAIL_POINTS_DIR: failPoints.folder, SHUTDOWN_DELAY_MS: '1000' };
      const shop = await startShop({
        servers,
        instances: 2,
        ports: 'free',
        say: () => {},
        env: {
          gateway: { SHUTDOWN_DELAY_MS: '2000' },
          auth: { SHUTDOWN_DELAY_MS: '1000' },
          catalog: env,
          orders: env,
          payments: env,
          notifications: env,
        },
      });
      const admin = clientOf(shop.brokers ?? '').admin();
      await admin.connect();
      say(
        `two instances of each service are up, on servers of their own (${((performance.now() - began) / 1000).toFixed(1)} s)`,
      );
      return new Site(servers, shop, admin, failPoints, disks);
    } catch (error) {
      await servers.stop();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.admin.disconnect().catch(() => undefined);
    await Promise.all([this.stores.close(), this.relays.close()]);
    await this.shop.stop();
    await this.servers.stop();
  }

  /** A new run in the same shop: accidents are counted anew. */
  begin(load: Load): void {
    this.load = load;
    this.began = performance.now();
    this.accidents.length = 0;
  }

  get sources(): Sources {
    const { databases, urls, providerKey, brokers = '' } = this.shop;
    const { orders, catalog, payments, notifications } = databases;
    const owners = {
      orders: orders.ownerUrl,
      catalog: catalog.ownerUrl,
      payments: payments.ownerUrl,
      notifications: notifications.ownerUrl,
    };
    return {
      databases: owners,
      brokers,
      admin: this.admin,
      provider: { url: urls.provider, key: providerKey },
      mail: urls.mail,
    };
  }

  /** The small disk of a server. */
  disk(of: Disk['of']): SmallDisk {
    const disk = this.disks.get(of);
    if (!disk) throw new Error(`${of} has no small disk`);
    return disk;
  }

  server(name: 'postgres' | 'kafka' | 'redis'): Breakable {
    return breakable(this.servers, name);
  }

  /**
   * Waits until something is under way, does it, and notes what it hit. `act` answers whether it hit anybody, and what
   * they had in hand.
   */
  async accident(
    what: string,
    act: () => Promise<boolean | { inHand?: number }>,
    wanted: (now: InFlight) => boolean = ({ requests, sagas, outbox }) => requests + sagas + outbox > 0,
  ): Promise<void> {
    let inFlight = await this.inFlight();
    for (
      const until = performance.now() + AIM_MS;
      !wanted(inFlight) && performance.now() < until;
      inFlight = await this.inFlight()
    )
      await sleep(2);
    const atMs = Math.round(performance.now() - this.began);
    const hit = await act();
    this.accidents.push({
      what,
      atMs,
      inFlight,
      effective: hit !== false && wanted(inFlight),
      ...(typeof hit === 'object' && hit),
    });
  }

  /** The same where nothing is to be under way. */
  async again(what: string, act: () => Promise<unknown>): Promise<void> {
    const [atMs, inFlight] = [Math.round(performance.now() - this.began), await this.inFlight()];
    await act();
    this.accidents.push({ what, atMs, inFlight, effective: true });
  }

  /** How the payment provider behaves from now on. */
  async turnKnobs(knobs: object): Promise<void> {
    const headers = { authorization: `Bearer ${this.shop.providerKey}`, 'content-type': 'application/json' };
    const answer = await fetch(`${this.shop.urls.provider}/knobs`, {
      method: 'PUT',
      headers,
      body: JSON.stringify(knobs),
      signal: AbortSignal.timeout(10_000),
    });
    if (!answer.ok) throw new Error(`the provider does not take its knobs: ${answer.status}`);
  }

  /** SIGKILL to one process, in the middle of things. */
  kill(service: ServiceName, instance: number, wanted?: (now: InFlight) => boolean): Promise<void> {
    const kill = async () => {
      // It may just be starting again, because what it needs was killed before.
      const pid = () => this.shop.processes.find((each) => each.service === service && each.instance === instance)?.pid;
      for (const until = performance.now() + AIM_MS; !isAlive(pid()); await sleep(20))
        if (performance.now() > until) return false;
      await this.shop.kill(service, instance);
      return true;
    };
    return this.accident(`kill -9 ${service}-${instance}`, kill, wanted);
  }

  /** Lets whoever passes a fail-point next die there. */
  killAt(window: string): Promise<void> {
    return this.accident(`kill -9 at ${window}`, () => this.failPoints.strike(window, AIM_MS));
  }

  /** How many partitions a topic has now. */
  countOf(topic: Topic): number {
    return this.counts[topic]?.at(-1) ?? topics[topic].partitions;
  }

  /** What is under way now; a database that does not answer knows of nothing. */
  async inFlight(): Promise<InFlight> {
    const { sagas, outbox } = await this.stores.underWay().catch(() => ({ sagas: 0, outbox: 0 }));
    return { requests: this.load?.inFlight ?? 0, sagas, outbox };
  }

  /**
   * Resolves when nothing moves any more: every saga ended, every message published and handled, every mail sent.
   * Answers what still moves after `deadlineMs`.
   */
  async quiet(deadlineMs: number): Promise<string | undefined> {
    const look = async () => {
      await this.relays.published();
      return this.stores.moving(await lagOf(this.admin).catch(() => ({ unknown: 1 })));
    };
    let moving: string | undefined = 'nothing was looked at';
    // Handling the last message of one kind may have left one of another: what stood still several times has come to
    // rest.
    for (
      let [still, until] = [0, performance.now() + deadlineMs];
      still < STILL && performance.now() < until;
      await sleep(200)
    ) {
      moving = await look().catch((error: Error) => error.message);
      still = moving === undefined ? still + 1 : 0;
    }
    return moving;
  }

  /** What the services hold now. */
  gauges(): Gauges | undefined {
    return gaugesOf(
      this.shop.processes
        .filter(({ service }) => service !== 'mail' && service !== 'provider')
        .flatMap(({ pid }) => pid ?? []),
    );
  }
}

function isAlive(pid: number | undefined): boolean {
  try {
    return pid !== undefined && process.kill(pid, 0);
  } catch {
    return false;
  }
}
