import { alarms } from './alarms.ts';
import { budgetOf, objectives, windowDays, type Objective, type Route } from './objectives.ts';

export interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface Group {
  readonly name: string;
  readonly rules: readonly Rule[];
}

/** Prometheus' name for one of OpenTelemetry's; its exporter for Node adds no unit. */
export const metricName = (name: string) => name.replaceAll('.', '_');

const REQUESTS = metricName('http.server.request.duration');
const LAG = metricName('messaging.consumer.lag');

/**
 * How fast the budget of thirty days may burn before somebody is told, by two windows: the long one says that it
 * matters, the short one that it still goes on (Google, The Site Reliability Workbook, chapter 5, table 5-8). `factor`:
 * 14.4 uses up 2 % of the budget in an hour.
 */
const burns = [
  { severity: 'page', factor: 14.4, long: '1h', short: '5m', for: '2m' },
  { severity: 'page', factor: 6, long: '6h', short: '30m', for: '15m' },
  { severity: 'ticket', factor: 3, long: '1d', short: '2h', for: '1h' },
  { severity: 'ticket', factor: 1, long: '3d', short: '6h', for: '3h' },
] as const;
const windows = ['5m', '30m', '1h', '2h', '6h', '1d', '3d', `${windowDays}d`] as const;

/** Everything that Prometheus is to work out and to tell of. */
export function ruleGroups(): Group[] {
  return [
    { name: 'objectives', rules: objectives.flatMap(badRatios) },
    { name: 'budgets', rules: objectives.flatMap(alertsOf) },
    { name: 'alarms', rules: alarms },
  ];
}

/** The share of bad ones, over each window. Where nothing came there is none, which is not the same as good. */
function badRatios(objective: Objective): Rule[] {
  return windows.map((window) => ({
    record: `slo:bad:ratio_${window}`,
    expr: badRatio(objective, window),
    labels: { slo: objective.id },
  }));
}

function badRatio(objective: Objective, window: string): string {
  const rate = (metric: string, ...labels: string[]) => `sum(rate(${metric}{${labels.join(', ')}}[${window}]))`;
  switch (objective.kind) {
    case 'availability': {
      const of = labelsOf(objective.routes);
      return share(
        rate(`${REQUESTS}_count`, ...of, 'http_response_status_code=~"5.."'),
        rate(`${REQUESTS}_count`, ...of),
      );
    }
    case 'latency': {
      const of = labelsOf(objective.routes);
      return late(
        rate(`${REQUESTS}_bucket`, ...of, 'http_response_status_code!~"5.."', bound(objective.withinSeconds)),
        rate(`${REQUESTS}_count`, ...of),
      );
    }
    case 'freshness': {
      const of = `consumer="${objective.consumer}"`;
      return late(rate(`${LAG}_bucket`, of, bound(objective.withinSeconds)), rate(`${LAG}_count`, of));
    }
  }
}

/** Bad by all; no bad ones at all make no series, but a share of 0. */
const share = (bad: string, all: string) => `(${bad} or 0 * ${all}) / ${all}`;
const late = (inTime: string, all: string) => `1 - ${inTime} / ${all}`;
const bound = (seconds: number) => `le="${seconds}"`;

/** Of these routes, in every version of them. */
function labelsOf(routes: readonly Route[]): string[] {
  const [methods, patterns] = [
    new Set(routes.map(({ method }) => method)),
    routes.map(({ route }) => route.replace('/v1/', '/v[0-9]+/')),
  ];
  return ['job="gateway"', `http_request_method=~"${[...methods].join('|')}"`, `http_route=~"${patterns.join('|')}"`];
}

function alertsOf(objective: Objective): Rule[] {
  const { id, promise } = objective;
  const budget = budgetOf(objective);
  return burns.map(({ severity, factor, long, short, for: pending }) => {
    const limit = Number((factor * budget).toFixed(6));
    const above = (window: string) => `slo:bad:ratio_${window}{slo="${id}"} > ${limit}`;
    return {
      alert: 'BudgetBurns',
      expr: `${above(long)} and ${above(short)}`,
      for: pending,
      labels: { severity, slo: id, window: long },
      annotations: {
        summary: `${promise}: the budget of ${windowDays} days burns ${factor} times too fast`,
        description: `{{ $value | humanizePercentage }} were bad over ${long}; promised are ${budget * 100} % at most.`,
        runbook: 'docs/runbooks/budget-burns.md',
      },
    };
  });
}
