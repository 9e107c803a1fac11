import { fileURLToPath } from 'node:url';
import type { ServiceName } from '@shop/infra/environment';
import { freePorts } from '@shop/infra/ports';
import { proveAddresses } from '@shop/infra/proven-addresses';
import { runningShop } from '@shop/infra/running';
import { startServers, type Servers } from '@shop/infra/servers';
import { startShop, type Shop } from '@shop/infra/shop';
import { defaultState, holderOfState, Obstacle, wipeState } from '@shop/infra/state';
import { noLimits } from './bench-shop.ts';
import type { Watched } from './tool.ts';
import type { Address } from './traffic.ts';

const state = fileURLToPath(new URL('../../.state-tests/load', import.meta.url));
const names: readonly ServiceName[] = ['gateway', 'auth', 'catalog', 'orders', 'payments', 'notifications'];

/** The shop that is asked. */
export interface Loaded {
  readonly address: Address;
  /** Process ids by name, of those that are ours. */
  pids(): Watched;
  /** The gateway's metrics, where it offers them. */
  readonly metrics: string | undefined;
  readonly servers: Pick<Servers, 'how'> & { readonly postgres?: { readonly adminUrl: string } };
  /** Takes the addresses of its customers for proven, so that their mails go; not where it is somebody else's. */
  prove(): Promise<void>;
  /** Ends what was started for this. */
  stop(): Promise<void>;
}

const elsewhere = {
  how: { postgres: 'none', kafka: 'none', redis: 'none', rabbitmq: 'none', sqs: 'none', zipkin: 'none' },
} as unknown as Pick<Servers, 'how'>;

/** The target that was named, the shop that runs here, or one of its own. */
export async function findShop(target: string | undefined, say: (line: string) => void): Promise<Loaded> {
  if (target !== undefined) return answering({ gateway: target, provider: target, providerKey: '' });
  if (!holderOfState(defaultState)) return started(say);
  const { urls, providerKey, databases } = runningShop();
  say('Asks the shop that runs here: its limits hold (RATE_LIMITS), and its processor time is not told apart.');
  return {
    ...(await answering({ gateway: urls.gateway, provider: urls.provider, providerKey })),
    prove: () => proveAddresses(databases.auth),
  };
}

/** Nothing of it is ours but its address. */
async function answering(address: Address): Promise<Loaded> {
  const ready = await fetch(`${address.gateway}/health/ready`, { signal: AbortSignal.timeout(5_000) }).catch(
    (error: Error) => error,
  );
  if (ready instanceof Error)
    throw new Obstacle(
      `No shop answers at ${address.gateway}: ${(ready.cause as Error | undefined)?.message ?? ready.message}.`,
    );
  await ready.body?.cancel();
  return {
    address,
    pids: () => ({}),
    metrics: undefined,
    servers: elsewhere,
    prove: () => Promise.resolve(),
    stop: () => Promise.resolve(),
  };
}

async function started(say: (line: string) => void): Promise<Loaded> {
  const holder = holderOfState(state);
  if (holder) throw new Obstacle(`A load test runs here already, since ${holder.since} (process ${holder.pid}).`);
  say('Starts a shop for this, on ports of its own.');
  wipeState(state);
  const servers = await startServers({ state, need: ['postgres', 'kafka', 'redis'], say });
  try {
    if (!servers.kafka)
      throw new Obstacle('A load test needs Kafka: "npm run doctor" says how this machine can have it.');
    const [port] = (await freePorts([0])) as [number];
    const shop = await startShop({ servers, ports: 'free', say: () => {}, env: settings(port) });
    const { gateway, provider } = shop.urls;
    const stop = async () => (await shop.stop(), await servers.stop());
    return {
      address: { gateway, provider, providerKey: shop.providerKey },
      pids: () => pidsOf(shop, servers),
      metrics: `http://127.0.0.1:${port}/metrics`,
      servers,
      prove: () => proveAddresses(shop.databases.auth),
      stop,
    };
  } catch (error) {
    await servers.stop();
    throw error;
  }
}

/** The gateway offers its metrics, so that both sides' latency can be compared. */
function settings(port: number) {
  const metrics = { OTEL_METRICS_EXPORTER: 'prometheus', OTEL_EXPORTER_PROMETHEUS_PORT: String(port) };
  return Object.fromEntries(names.map((name) => [name, name === 'gateway' ? { ...noLimits, ...metrics } : noLimits]));
}

function pidsOf(shop: Shop, servers: Servers): Watched {
  const all = [
    ...shop.processes.map(({ service, pid }) => [service, pid] as const),
    ...servers.state.processes.pids.map(({ name, pid }) => [name, pid] as const),
  ];
  const wanted = new Set<string>([...names, 'postgres', 'kafka', 'redis']);
  return Object.fromEntries(all.filter(([name, pid]) => wanted.has(name) && pid !== undefined)) as Watched;
}
