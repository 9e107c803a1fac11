import { readFileSync } from 'node:fs';
import { auth } from '@shop/auth';
import { catalog } from '@shop/catalog';
import { gateway } from '@shop/gateway';
import { notifications } from '@shop/notifications';
import { orders } from '@shop/orders';
import { payments } from '@shop/payments';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { serviceNames, services } from '../environment.ts';
import { secretsOf } from '../secrets.ts';
import { secretVariables } from './shop-secrets.ts';

const definitions = { auth, catalog, gateway, notifications, orders, payments };

interface Composed {
  profiles: string[];
  environment?: Record<string, string | number>;
  read_only?: boolean;
  cap_drop?: string[];
  security_opt?: string[];
  mem_limit?: string;
  ports?: string[];
}

interface Collector {
  exporters: Record<string, { endpoint: string }>;
  service: { pipelines: Record<string, { exporters: string[] }> };
}

describe('compose.yaml', () => {
  const text = readFileSync(new URL('../../compose.yaml', import.meta.url), 'utf8');
  const composed = (parse(text, { merge: true }) as { services: Record<string, Composed> }).services;
  const secrets = secretVariables('seed'.repeat(8));
  /** As Compose fills it in: what has no default comes from the secrets. */
  const filled = (value: string | number) =>
    String(value).replaceAll(/\$\{(\w+):([?-])([^}]*)\}/g, (_, name: string, kind: string, rest: string) => {
      if (kind === '-') return rest;
      expect(secrets).toHaveProperty(name);
      return secrets[name]!;
    });

  it.each(serviceNames)('tells %s what its configuration reads, and nothing that it does not', (service) => {
    const told = Object.fromEntries(
      Object.entries(composed[service]!.environment!).map(([name, value]) => [name, filled(value)]),
    );
    const config = definitions[service].config.parse(told);
    expect(Object.keys(told).filter((name) => !(name in config) && name !== 'NODE_OPTIONS')).toEqual([]);
    expect(config).toMatchObject({ HOST: '0.0.0.0', PORT: services[service] });
  });

  it('gives each role the password that setup makes for it', () => {
    const secret = secretsOf('seed'.repeat(8));
    for (const name of serviceNames.filter((each) => each !== 'gateway'))
      expect(filled(composed[name]!.environment!['DATABASE_URL']!)).toBe(
        `postgres://${name}:${secret(name)}@postgres:5432/${name}`,
      );
  });

  it('holds no secret: each is a variable that has to be given', () => {
    for (const { environment = {} } of Object.values(composed)) {
      for (const [name, value] of Object.entries(environment))
        if (/PASSWORD|SECRET|KEY|DATABASE_URL|POSTGRES_URL/.test(name)) expect(String(value)).toMatch(/\$\{\w+:\?/);
    }
  });

  it('starts the whole shop by one profile, and what looks at it by another', () => {
    const of = (profile: string) =>
      Object.entries(composed).flatMap(([name, { profiles }]) => (profiles.includes(profile) ? [name] : []));
    expect(of('core').sort()).toEqual(
      [...serviceNames, 'kafka', 'mail', 'postgres', 'provider', 'redis', 'setup'].sort(),
    );
    expect(of('observability').sort()).toEqual(['collector', 'grafana', 'loki', 'prometheus', 'zipkin']);
  });

  it('has in that profile everybody to whom the collector hands what the services send', () => {
    const { exporters, service } = parse(
      readFileSync(new URL('../observability/collector.yaml', import.meta.url), 'utf8'),
    ) as Collector;
    expect(Object.keys(service.pipelines)).toEqual(['traces', 'logs']);
    const used = Object.values(service.pipelines).flatMap((pipeline) => pipeline.exporters);
    for (const { hostname } of used.map((name) => new URL(exporters[name]!.endpoint)))
      expect(composed[hostname]?.profiles).toEqual(['observability']);
    for (const name of serviceNames)
      expect(composed[name]!.environment).toMatchObject({
        OTEL_TRACES_EXPORTER: '${TELEMETRY:-none}',
        OTEL_LOGS_EXPORTER: '${TELEMETRY:-none}',
        OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318',
      });
  });

  it('locks every container: no rights, no new ones, so much memory, doors on loopback only', () => {
    for (const [name, each] of Object.entries(composed)) {
      expect({ name, ...each }).toMatchObject({
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
        mem_limit: expect.stringMatching(/^\d+m$/),
      });
      for (const port of each.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:/);
    }
    const writing = Object.entries(composed).flatMap(([name, { read_only }]) => (read_only ? [] : [name]));
    expect(writing.sort()).toEqual(['kafka', 'zipkin']);
  });
});
