import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { runbookOf } from './alarms.ts';
import { dashboards } from './dashboards.ts';
import { metricName, ruleGroups } from './rules.ts';

const root = resolve(import.meta.dirname, '../..');
const rules = ruleGroups().flatMap((group) => group.rules);
const alerts = new Set(rules.flatMap(({ alert }) => (alert === undefined ? [] : [alert])));

/**
 * Metrics by the names under which Prometheus has them, as the code makes them: `createCounter('a.b'` or one of its
 * short forms.
 */
const made = new Set(
  globSync('{apps,libs}/*/src/**/*.ts', { cwd: root })
    .map((file) => readFileSync(join(root, file), 'utf8'))
    .flatMap((text) => [
      ...text.matchAll(
        /\b(?:create)?(ObservableCounter|ObservableGauge|UpDownCounter|Counter|Gauge|Histogram|counter|gauge|histogram|bytes)\(\s*'([a-z0-9_.]+)'/g,
      ),
    ])
    .flatMap(([, kind = '', name = '']) => {
      if (/histogram/i.test(kind)) return ['_bucket', '_count', '_sum'].map((ending) => metricName(name) + ending);
      return [metricName(name) + (/^(observable)?counter$/i.test(kind) ? '_total' : '')];
    }),
);
/** Names before `{`, `[` or the end that are no function, keyword or label. */
const namesIn = (expr: string) =>
  [...expr.replaceAll(/\{[^}]*\}|by \([^)]*\)/g, '').matchAll(/[a-z][a-z0-9_:]*_[a-z0-9_:]+/g)]
    .map(([name]) => name)
    .filter((name) => !['histogram_quantile'].includes(name) && !name.startsWith('slo:'));

it('rules and dashboards speak of nothing that the shop does not measure', () => {
  const spoken = [
    ...rules.map(({ expr }) => expr),
    ...dashboards.flatMap(({ panels }) => panels.flatMap(({ queries }) => queries.map(([expr]) => expr))),
  ].flatMap(namesIn);
  expect(spoken.length).toBeGreaterThan(50);
  expect([...new Set(spoken)].filter((name) => !made.has(name))).toEqual([]);
});

it('every alarm has a page that says what to do, and every page an alarm', () => {
  const pages = globSync('docs/runbooks/*.md', { cwd: root });
  expect(pages.sort()).toEqual([...alerts].map(runbookOf).sort());
});
