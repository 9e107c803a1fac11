import { migrationSets } from '../databases.ts';
import { serviceNames } from '../environment.ts';
import type { Overlay } from './overlay.ts';

type Labels = Record<string, string>;

interface Selector {
  matchLabels?: Labels;
  matchExpressions?: { key: string; operator: 'In' | 'Exists'; values?: string[] }[];
}

interface Rule {
  from?: Peer[];
  to?: Peer[];
  ports?: { port: number; protocol?: string }[];
}

type Peer = { podSelector?: Selector; namespaceSelector?: Selector; ipBlock?: object };

interface Policy {
  spec: { podSelector: Selector; policyTypes: string[]; ingress?: Rule[]; egress?: Rule[] };
}

const databases = Object.keys(migrationSets);
const named = (name: string): [string, Labels] => [name, { 'app.kubernetes.io/name': name }];

/** Every kind of pod in the namespace, with the labels that its maker gives it. */
const pods: ReadonlyMap<string, Labels> = new Map([
  ...serviceNames.map(named),
  ...databases.map((name) => named(`${name}-migrations`)),
  ...['redis', 'provider', 'mail'].map(named),
  ...databases.map((name): [string, Labels] => [
    `${name}-db`,
    { 'cnpg.io/cluster': `${name}-db`, 'cnpg.io/podRole': 'instance' },
  ]),
  ...databases.map((name): [string, Labels] => [
    `${name}-db-pooler`,
    { 'cnpg.io/cluster': `${name}-db`, 'cnpg.io/poolerName': `${name}-db-pooler` },
  ]),
  ['kafka', { 'strimzi.io/cluster': 'kafka', 'strimzi.io/name': 'kafka-kafka' }],
]);
const ports = [3000, 3001, 3002, 3003, 3004, 3005, 3010, 3012, 5432, 6379, 9092];

/** Their own affair: how a server's pods talk among each other and to what guards them. */
const isServer = (name: string) => name === 'kafka' || /-db(-pooler)?$/.test(name);

/**
 * `from → to:port` of everything that the network policies of an overlay let through between two pods of it, unless
 * both are servers.
 */
export function allowedEdges(overlay: Overlay): string[] {
  const policies = overlay.all<Policy>('NetworkPolicy');
  const allows = (direction: 'ingress' | 'egress', own: Labels, other: Labels, port: number) => {
    const type = direction === 'ingress' ? 'Ingress' : 'Egress';
    const meant = policies.filter(({ spec }) => spec.policyTypes.includes(type) && selects(spec.podSelector, own));
    if (meant.length === 0) return true;
    return meant.some(({ spec }) => (spec[direction] ?? []).some((rule) => reaches(rule, other, port)));
  };
  const edges: string[] = [];
  for (const [from, fromLabels] of pods) {
    for (const [to, toLabels] of pods) {
      if (from === to || (isServer(from) && isServer(to))) continue;
      const open = ports.filter(
        (port) =>
          listensThere(to, port) &&
          allows('egress', fromLabels, toLabels, port) &&
          allows('ingress', toLabels, fromLabels, port),
      );
      edges.push(...open.map((port) => `${from} → ${to}:${port}`));
    }
  }
  return edges.sort();
}

function reaches({ from, to, ports: only }: Rule, other: Labels, port: number): boolean {
  const peers = from ?? to;
  const atPort = only === undefined || only.some((each) => each.port === port && each.protocol !== 'UDP');
  return (
    atPort &&
    (peers === undefined ||
      peers.some(
        (peer) =>
          peer.podSelector !== undefined && peer.namespaceSelector === undefined && selects(peer.podSelector, other),
      ))
  );
}

function selects({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Labels): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) =>
      operator === 'Exists' ? key in labels : values.includes(labels[key] ?? ''),
    )
  );
}

/**
 * `from → to:port` of every address in the settings of the services and of the migrations: what the topology comes to.
 */
export function wantedEdges(overlay: Overlay): string[] {
  const edges = serviceNames.flatMap((service) =>
    addresses(overlay.environment(service)).map((address) => `${service} → ${address}`),
  );
  const migrations = databases.map((name) => `${name}-migrations → ${name}-db:5432`);
  // Where the mail goes stands in a secret; to the catcher, where there is one.
  const mail = overlay.find('Deployment', 'mail') ? ['notifications → mail:3012'] : [];
  return [...new Set([...edges, ...migrations, ...mail])].sort();
}

function addresses(environment: Record<string, string>): string[] {
  return Object.values(environment).flatMap((value) =>
    [...value.matchAll(/(?:^|[/@,])([a-z-]+):(\d{4})(?=$|[/,])/g)].flatMap(([, host = '', port]) => {
      const pod = host.replace('kafka-kafka-bootstrap', 'kafka').replace(/-db-rw$/, '-db');
      return pods.has(pod) ? [`${pod}:${port}`] : [];
    }),
  );
}

/** A port on which a pod does not listen is no edge to it. */
function listensThere(name: string, port: number): boolean {
  const own: Record<string, number[]> = { redis: [6379], provider: [3010], mail: [3012], kafka: [9092] };
  const service = serviceNames.indexOf(name as (typeof serviceNames)[number]);
  return service >= 0 ? port === 3000 + service : (own[name] ?? [5432]).includes(port);
}
