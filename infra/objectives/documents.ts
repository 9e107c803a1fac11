import { stringify } from 'yaml';
import { alarms } from './alarms.ts';
import { dashboards, grafana } from './dashboards.ts';
import { objectives, windowDays, type Objective } from './objectives.ts';
import { ruleGroups } from './rules.ts';

const from = 'Made by "npm run generate": edit infra/objectives instead.';

/** The files that are made from objectives, alarms and dashboards, by their path in the tree. */
export function objectiveDocuments(): [file: string, text: string][] {
  return [
    ['infra/observability/rules.yml', `# ${from}\n${stringify({ groups: ruleGroups() }, { lineWidth: 0 })}`],
    ['k8s/components/prometheus/rules.yaml', `# ${from}\n${stringify(prometheusRule(), { lineWidth: 0 })}`],
    ...dashboards.map((board): [string, string] => [
      `infra/observability/dashboards/${board.id}.json`,
      `${JSON.stringify(grafana(board), undefined, 2)}\n`,
    ]),
    ['docs/objectives.md', page()],
  ];
}

/** The same rules, for Prometheus' operator. */
const prometheusRule = () => ({
  apiVersion: 'monitoring.coreos.com/v1',
  kind: 'PrometheusRule',
  metadata: { name: 'shop' },
  spec: { groups: ruleGroups() },
});

function page(): string {
  const row = (objective: Objective) => {
    const about =
      'routes' in objective
        ? objective.routes.map(({ method, route }) => `\`${method} ${route}\``).join(', ')
        : `\`${objective.consumer}\``;
    const { id, promise, target } = objective;
    return `| ${id} | ${promise} | ${about} | ${(target * 100).toFixed(target >= 0.999 ? 1 : 0)} % |`;
  };
  const alarm = ({ alert = '', annotations = {}, labels = {} }: (typeof alarms)[number]) =>
    `| [${alert}](${(annotations['runbook'] ?? '').replace('docs/', '')}) | ${labels['severity'] ?? ''} | ${inWords(annotations['summary'] ?? '')} |`;
  return [
    `<!-- ${from} -->`,
    '# Objectives',
    '',
    `What the shop promises over ${windowDays} days, and when somebody is told that it will not keep it. The numbers stand in one place`,
    '([infra/objectives/objectives.ts](../infra/objectives/objectives.ts)); Prometheus’ rules, the thresholds of load tests and this page are made from it. At the gateway every version of a route counts.',
    '',
    '| objective | promise | of | kept |',
    '|---|---|---|---|',
    ...objectives.map(row),
    '',
    'A promise is alarmed by how fast its budget burns, over two windows at once: 14.4 times too fast over an hour and still over five minutes, or',
    '6 times over six hours, wakes somebody; 3 times over a day, or steadily over three days, is a ticket ([what to do](runbooks/budget-burns.md)).',
    '',
    '## Alarms beside them',
    'What gets worse by itself, or should never be.',
    '',
    '| alarm | severity | says |',
    '|---|---|---|',
    ...alarms.map(alarm),
    '',
  ].join('\n');
}

/** What stands in the place of an alarm's labels and value, before there are any. */
const words: Readonly<Record<string, string>> = {
  job: 'a service',
  instance: 'an instance',
  consumer: 'a consumer',
  reason: 'what it said',
  value: '…',
};
const inWords = (summary: string) =>
  summary.replaceAll(/\{\{ \$(?:labels\.)?(\w+)[^}]*\}\}/g, (_, name: string) => words[name] ?? name);
