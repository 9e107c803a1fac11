import { readFileSync } from 'node:fs';
import { durationBuckets } from '@shop/platform';
import { describe, expect, it } from 'vitest';
import { objectives } from './objectives.ts';

const pathsOf = (version: number) =>
  (
    JSON.parse(
      readFileSync(new URL(`../../apps/gateway/generated/openapi.v${version}.json`, import.meta.url), 'utf8'),
    ) as { paths: Record<string, object> }
  ).paths;
const documented = { ...pathsOf(1), ...pathsOf(2) };

describe.each(objectives.map((objective) => [objective.id, objective] as const))('%s', (_, objective) => {
  it('leaves an error budget', () => {
    expect(objective.target).toBeGreaterThan(0.5);
    expect(objective.target).toBeLessThan(1);
  });

  if (objective.kind !== 'freshness') {
    it.each(objective.routes)('speaks of a route that the gateway has: $method $route', ({ method, route }) => {
      const path = documented[route.replaceAll(/:(\w+)/g, '{$1}')] ?? {};
      expect(Object.keys(path)).toContain(method.toLowerCase());
    });
  }

  if (objective.kind === 'latency')
    it('is at a bound of the histogram', () => expect(durationBuckets).toContain(objective.withinSeconds));
});

it('has a name for each objective', () => expect(new Set(objectives.map(({ id }) => id)).size).toBe(objectives.length));
