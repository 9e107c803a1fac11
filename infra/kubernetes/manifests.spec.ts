import { readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { consumers, topics } from '@shop/contracts';
import { describe, expect, it } from 'vitest';
import { auth } from '@shop/auth';
import { catalog } from '@shop/catalog';
import { gateway } from '@shop/gateway';
import { notifications } from '@shop/notifications';
import { orders } from '@shop/orders';
import { payments } from '@shop/payments';
import { migrationSets } from '../databases.ts';
import { serviceNames, services } from '../environment.ts';
import { wantedTopics } from '../topics.ts';
import { allowedEdges, wantedEdges } from './edges.ts';
import { rightsOf, wantedOfScaler, wantedRights, type KafkaUser } from './kafka-access.ts';
import type { Manifest } from './kustomize.ts';
import { Overlay, overlays } from './overlay.ts';

const definitions = { auth, catalog, gateway, notifications, orders, payments };
/** Read by Node itself. */
const ofNode = ['NODE_OPTIONS', 'NODE_EXTRA_CA_CERTS'];
/** own-process.ts: how long a service may take to drain, in seconds. */
const drainLimit = 25;
/**
 * A secret's value is its template or the name of its key: long enough for any secret, and a mail server's URL is its
 * own kind.
 */
const standIns: Record<string, string> = {
  SMTP_URL: 'smtps://mail.example',
  DEMO_ADMIN_TOTP_SECRET: 'A2'.repeat(16),
};
const standIn = (name: string, value: string) => standIns[name] ?? value.padEnd(16, '-');

/** What the services held after minutes of as many orders as they could take, in MiB. */
const placed = JSON.parse(
  readFileSync(new URL('../../load-tests/results/place-order.json', import.meta.url), 'utf8'),
) as { figures: { megabytes: Record<string, number> } };
const measured = placed.figures.megabytes;
const mebibytes = (quantity = '') => Number(/^(\d+)Mi$/.exec(quantity)?.[1]);

interface Scaler {
  spec: {
    scaleTargetRef: { kind: string; name: string };
    triggers?: { type: string; metadata: Record<string, string> }[];
  };
}

describe.each(overlays)('the overlay %s', (name) => {
  const overlay = new Overlay(name);

  it.each(serviceNames)('tells %s what its configuration reads, and nothing that it does not', (service) => {
    const told = overlay.environment(service);
    const given = Object.fromEntries(
      Object.entries(told).map(([key, value]) => [
        key,
        overlay.container(service).env?.find((each) => each.name === key)?.valueFrom ? standIn(key, value) : value,
      ]),
    );
    const config = definitions[service].config.parse(given);
    expect(Object.keys(given).filter((key) => !(key in config) && !ofNode.includes(key))).toEqual([]);
    expect(config).toMatchObject({ HOST: '0.0.0.0', PORT: services[service] });
  });

  it.each(serviceNames)('reaches %s on its port, and asks it for its health by the names it has for it', (service) => {
    const { spec } = overlay.get<{ spec: { ports: { name: string; port: number }[]; selector: object } }>(
      'Service',
      service,
    );
    expect(spec.ports).toMatchObject([
      { name: 'http', port: services[service] },
      { name: 'metrics', port: 9464 },
    ]);
    const container = overlay.container(service);
    expect(container.ports?.map(({ name: port, containerPort }) => [port, containerPort]).sort()).toEqual([
      ['http', services[service]],
      ['metrics', 9464],
    ]);
    const { startupProbe, livenessProbe, readinessProbe } = container;
    expect([startupProbe, livenessProbe, readinessProbe].map((probe) => probe?.httpGet)).toEqual(
      ['startup', 'live', 'ready'].map((health) => ({ path: `/health/${health}`, port: 'http' })),
    );
  });

  it.each(serviceNames)('gives %s longer to end than it takes, and lets only one of it go at a time', (service) => {
    expect(overlay.pod(service).terminationGracePeriodSeconds).toBeGreaterThanOrEqual(drainLimit + 5);
    expect(overlay.get('PodDisruptionBudget', service)).toMatchObject({
      spec: { maxUnavailable: 1, selector: { matchLabels: { 'app.kubernetes.io/name': service } } },
    });
  });

  it.each(serviceNames)(
    'asks for as much memory as %s was measured to hold under load, and ends it at no less than half as much again',
    (service) => {
      const { requests, limits } = overlay.container(service).resources;
      expect(mebibytes(requests['memory'])).toBeGreaterThanOrEqual(measured[service] ?? NaN);
      expect(mebibytes(limits['memory'])).toBeGreaterThanOrEqual(1.5 * (measured[service] ?? NaN));
    },
  );

  it('lets no pod write to its image, talk to the API server, or take as much memory as it likes', () => {
    for (const [pod, { automountServiceAccountToken, securityContext, containers }] of overlay.pods()) {
      expect({ pod, automountServiceAccountToken, securityContext }).toMatchObject({
        automountServiceAccountToken: false,
        securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      });
      for (const container of containers) {
        const locked = {
          readOnlyRootFilesystem: true,
          allowPrivilegeEscalation: false,
          capabilities: { drop: ['ALL'] },
        };
        expect({ pod, ...container }).toMatchObject({
          securityContext: locked,
          resources: {
            requests: { cpu: expect.any(String), memory: expect.any(String) },
            limits: { memory: expect.any(String) },
          },
        });
        expect(container.image).toMatch(/:[\w.-]+$/);
      }
    }
  });

  it('mounts the flags that orders is told of, as a folder, so that a change reaches pods that run', () => {
    const path = overlay.environment('orders')['FLAGS_FILE']!;
    const mount = overlay.container('orders').volumeMounts?.find(({ mountPath }) => mountPath === dirname(path));
    const from = overlay.pod('orders').volumes?.find((each) => each.name === mount?.name)?.configMap;
    expect(mount?.subPath).toBeUndefined();
    expect(overlay.get('ConfigMap', from!.name)).toHaveProperty(['data', basename(path)]);
  });

  it('holds no secret', () => expect(overlay.all('Secret')).toEqual([]));

  it('lets through what the topology says, and nothing else', () =>
    expect(allowedEdges(overlay)).toEqual(wantedEdges(overlay)));

  it('has every topic of the contracts, as the contracts have it', () => {
    const made = overlay
      .all<{ spec: { partitions: number; config: object } }>('KafkaTopic')
      .map(({ metadata, spec: { partitions, config } }) => ({ topic: metadata.name, partitions, config }));
    expect(made).toEqual(wantedTopics.map(({ name: topic, partitions, config }) => ({ topic, partitions, config })));
  });

  it('migrates each database by the same files as everywhere, before and after a deployment', () => {
    const jobs = overlay.all<{ spec: { template: { spec: { containers: { args: string[] }[] } } } }>('Job');
    const args = Object.fromEntries(
      jobs.map(({ metadata, spec }) => [metadata.name, spec.template.spec.containers[0]?.args]),
    );
    const wanted = Object.entries(migrationSets).flatMap(([database, sets]) =>
      ['expand', 'contract'].map((phase) => [`${database}-${phase}`, ['migrate.mjs', phase, ...sets]]),
    );
    expect(args).toEqual(Object.fromEntries(wanted));
  });

  it('scales nothing by two scalers, and only what there is', () => {
    const scalers = ['HorizontalPodAutoscaler', 'ScaledObject'].flatMap((kind) => overlay.all<Scaler>(kind));
    const targets = scalers.map(({ spec: { scaleTargetRef } }) => `${scaleTargetRef.kind} ${scaleTargetRef.name}`);
    expect(new Set(targets).size).toBe(targets.length);
    for (const { spec } of scalers)
      expect(overlay.find(spec.scaleTargetRef.kind, spec.scaleTargetRef.name)).toBeDefined();
    // A Deployment that is a Rollout's template has no pods of its own to scale.
    for (const { metadata } of overlay.all('Rollout')) expect(targets).not.toContain(`Deployment ${metadata.name}`);
  });
});

describe.each(['staging', 'prod'] as const)('the overlay %s, with everything', (name) => {
  const overlay = new Overlay(name);

  it('gives each principal of Kafka the rights that the topology says, and no more', () => {
    const users = Object.fromEntries(
      overlay.all<KafkaUser>('KafkaUser').map((user) => [user.metadata.name, rightsOf(user)]),
    );
    const speaking = serviceNames.filter((service) => wantedRights(service).length > 0);
    expect(users).toEqual({
      ...Object.fromEntries(speaking.map((service) => [service, wantedRights(service)])),
      keda: wantedOfScaler(),
    });
  });

  it('scales each consumer by the lag of each of its topics, never beyond their partitions', () => {
    for (const [consumer, from] of Object.entries(consumers)) {
      const scaler = overlay.get<Scaler & { spec: { maxReplicaCount: number } }>(
        'ScaledObject',
        consumer.split('.')[0]!,
      ).spec;
      const measured = scaler.triggers
        ?.filter(({ type, metadata }) => type === 'kafka' && metadata['consumerGroup'] === consumer)
        .map(({ metadata }) => metadata['topic']);
      expect(measured).toEqual([...from]);
      for (const topic of from) expect(scaler.maxReplicaCount).toBeLessThanOrEqual(topics[topic].partitions);
    }
  });

  it('lets the mesh carry the same calls as the network', () => {
    const access = overlay.all<{
      spec: {
        selector?: { matchLabels: Record<string, string> };
        rules?: { from: { source: { principals?: string[] } }[] }[];
      };
    }>('AuthorizationPolicy');
    const carried = access.flatMap(({ spec: { selector, rules = [] } }) => {
      const callers = rules.flatMap(({ from }) => from.flatMap(({ source }) => source.principals ?? []));
      return callers.map(
        (caller) =>
          `${caller.replace('cluster.local/ns/shop/sa/', '')} → ${selector?.matchLabels['app.kubernetes.io/name']}`,
      );
    });
    const inMesh = [...serviceNames, 'redis', 'provider', 'mail'];
    const open = allowedEdges(overlay)
      .map((edge) => edge.replace(/:\d+$/, ''))
      .filter((edge) => inMesh.includes(edge.split(' → ')[1]!));
    expect([...new Set(carried)].sort()).toEqual([...new Set(open)].sort());
  });

  it('promises where TLS ends that browsers need no other way (HSTS)', () => {
    const promise = { 'strict-transport-security': 'max-age=63072000; includeSubDomains' };
    expect(overlay.get('Gateway', 'edge')).toMatchObject({
      spec: { servers: [{ port: { protocol: 'HTTPS' } }, { tls: { httpsRedirect: true } }] },
    });
    expect(overlay.get('VirtualService', 'gateway')).toMatchObject({
      spec: { gateways: ['mesh', 'edge'], http: [{ headers: { response: { set: promise } } }] },
    });
  });

  it('has a rollout’s weights in a route and two subsets of its own', () => {
    for (const { metadata, spec } of overlay.all<Manifest & { spec: { strategy: object } }>('Rollout')) {
      expect(spec.strategy).toMatchObject({
        canary: { trafficRouting: { istio: { virtualService: { name: metadata.name, routes: ['all'] } } } },
      });
      expect(overlay.get('DestinationRule', metadata.name)).toMatchObject({
        spec: { subsets: [{ name: 'stable' }, { name: 'canary' }] },
      });
      expect(overlay.get('VirtualService', metadata.name)).toMatchObject({
        spec: { http: [{ name: 'all', route: [{ weight: 100 }, { weight: 0 }] }] },
      });
    }
  });
});
