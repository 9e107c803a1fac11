import { budgetOf, objectives, windowDays } from './objectives.ts';

/** A graph: each query with what its lines are called. `unit` in Grafana's words. */
interface Panel {
  readonly title: string;
  readonly unit: 's' | 'reqps' | 'percentunit' | 'bytes' | 'short' | 'ops';
  readonly queries: readonly (readonly [expr: string, legend: string])[];
  /** What to see in it. */
  readonly tells?: string;
}

export interface Dashboard {
  readonly id: string;
  readonly title: string;
  readonly panels: readonly Panel[];
}

const quantile = (share: number, histogram: string, by: string, of = '') =>
  `histogram_quantile(${share}, sum by (le, ${by}) (rate(${histogram}_bucket${of}[5m])))`;
const REQUESTS = 'http_server_request_duration';
const edge = `${REQUESTS}_count{job="gateway"}`;

const edgeBoard: Dashboard = {
  id: 'edge',
  title: 'Edge',
  panels: [
    { title: 'Requests', unit: 'reqps', queries: [[`sum by (http_route) (rate(${edge}[5m]))`, '{{http_route}}']] },
    {
      title: 'Answered by a 5xx',
      unit: 'percentunit',
      tells: 'A line at all is worth a look; the objectives allow one in a thousand.',
      queries: [
        [
          `sum by (http_route) (rate(${REQUESTS}_count{job="gateway", http_response_status_code=~"5.."}[5m])) / sum by (http_route) (rate(${edge}[5m]))`,
          '{{http_route}}',
        ],
      ],
    },
    {
      title: 'Refused (4xx), by status',
      unit: 'reqps',
      queries: [
        [
          `sum by (http_response_status_code) (rate(${REQUESTS}_count{job="gateway", http_response_status_code=~"4.."}[5m]))`,
          '{{http_response_status_code}}',
        ],
      ],
    },
    {
      title: 'Half are answered within',
      unit: 's',
      queries: [[quantile(0.5, REQUESTS, 'http_route', '{job="gateway"}'), '{{http_route}}']],
    },
    {
      title: '99 of 100 are answered within',
      unit: 's',
      queries: [[quantile(0.99, REQUESTS, 'http_route', '{job="gateway"}'), '{{http_route}}']],
    },
    {
      title: 'Budget of thirty days that is left',
      unit: 'percentunit',
      tells: 'Below nothing the promise is broken: what is risky waits.',
      queries: objectives.map(
        (objective) =>
          [`1 - slo:bad:ratio_${windowDays}d{slo="${objective.id}"} / ${budgetOf(objective)}`, objective.id] as const,
      ),
    },
  ],
};

const messaging: Dashboard = {
  id: 'messaging',
  title: 'Messaging',
  panels: [
    {
      title: 'Published',
      unit: 'ops',
      queries: [['sum by (job) (rate(messaging_outbox_published_total[5m]))', '{{job}}']],
    },
    { title: 'Waits in the outbox', unit: 'short', queries: [['max by (job) (messaging_outbox_waiting)', '{{job}}']] },
    {
      title: 'Oldest message in the outbox',
      unit: 's',
      tells: 'Flat near zero. A ramp is a relay that stands still, or a broker that is away.',
      queries: [['max by (job) (messaging_outbox_age)', '{{job}}']],
    },
    {
      title: 'Held for a destination',
      unit: 'short',
      tells: 'Zero. More is a topic or partition that does not take messages while the broker is there.',
      queries: [['max by (job) (messaging_outbox_held)', '{{job}}']],
    },
    {
      title: 'Relays that the broker does not answer',
      unit: 's',
      queries: [['messaging_outbox_unreachable > 0', '{{job}} {{instance}}']],
    },
    {
      title: 'Batches the broker did not take',
      unit: 'ops',
      queries: [['sum by (job) (rate(messaging_outbox_publish_failures_total[5m]))', '{{job}}']],
    },
    {
      title: 'Half of the messages are through within',
      unit: 's',
      queries: [[quantile(0.5, 'messaging_consumer_lag', 'consumer'), '{{consumer}}']],
    },
    {
      title: '99 of 100 messages are through within',
      unit: 's',
      queries: [[quantile(0.99, 'messaging_consumer_lag', 'consumer'), '{{consumer}}']],
    },
    {
      title: 'Outcomes',
      unit: 'ops',
      tells: 'Duplicates are normal after a restart; parked and dead are not.',
      queries: [['sum by (outcome) (rate(messaging_process_duration_count[5m]))', '{{outcome}}']],
    },
    {
      title: 'Keys that wait',
      unit: 'short',
      queries: [['max by (consumer) (messaging_consumer_parked_keys)', '{{consumer}}']],
    },
  ],
};

const orders: Dashboard = {
  id: 'orders',
  title: 'Orders',
  panels: [
    {
      title: 'Orders, by what became of them',
      unit: 'ops',
      queries: [['sum by (outcome) (rate(shop_orders_total[5m]))', '{{outcome}}']],
    },
    {
      title: 'Steps that nobody has answered for a minute',
      unit: 'short',
      queries: [['max by (step) (shop_saga_unanswered)', '{{step}}']],
    },
    {
      title: 'Why they were cancelled',
      unit: 'ops',
      queries: [['sum by (reason) (rate(shop_orders_total{outcome="cancelled"}[5m]))', '{{reason}}']],
    },
    {
      title: 'From placed to ended: half of them',
      unit: 's',
      queries: [[quantile(0.5, 'shop_order_duration', 'outcome'), '{{outcome}}']],
    },
    {
      title: 'From placed to ended: 99 of 100',
      unit: 's',
      queries: [[quantile(0.99, 'shop_order_duration', 'outcome'), '{{outcome}}']],
    },
  ],
};

const node: Dashboard = {
  id: 'node',
  title: 'Processes',
  panels: [
    {
      title: 'Event loop: one timer of a hundred is later than',
      unit: 's',
      queries: [['nodejs_eventloop_delay_p99', '{{job}} {{instance}}']],
    },
    {
      title: 'Event loop: busy',
      unit: 'percentunit',
      queries: [['nodejs_eventloop_utilization', '{{job}} {{instance}}']],
    },
    {
      title: 'Processor',
      unit: 'percentunit',
      queries: [['sum by (job, instance) (rate(process_cpu_time_total[5m]))', '{{job}} {{instance}}']],
    },
    {
      title: 'Heap in use',
      unit: 'bytes',
      tells: 'A saw tooth is fine; teeth whose feet rise are a leak.',
      queries: [['v8js_memory_heap_used', '{{job}} {{instance}}']],
    },
    {
      title: 'Memory that is really there',
      unit: 'bytes',
      queries: [['process_memory_usage', '{{job}} {{instance}}']],
    },
    {
      title: 'Time in garbage collection',
      unit: 'percentunit',
      queries: [['sum by (job, instance) (rate(v8js_gc_duration_sum[5m]))', '{{job}} {{instance}}']],
    },
    {
      title: 'Connections to the database in use',
      unit: 'short',
      queries: [
        ['db_client_connection_count{db_client_connection_state="used"}', '{{job}} {{instance}}'],
        ['max by (job) (db_client_connection_max)', '{{job}} at most'],
      ],
    },
    {
      title: 'Callers that wait for a connection',
      unit: 'short',
      queries: [['db_client_connection_pending_requests', '{{job}} {{instance}}']],
    },
  ],
};

export const dashboards: readonly Dashboard[] = [edgeBoard, messaging, orders, node];

/** Two graphs a row. */
const [WIDTH, HEIGHT] = [12, 8];

/** The dashboard as Grafana takes it, for provisioning or by hand. */
export function grafana({ id, title, panels }: Dashboard): object {
  const datasource = { type: 'prometheus', uid: '${datasource}' };
  return {
    uid: `shop-${id}`,
    title: `Shop: ${title}`,
    tags: ['shop'],
    schemaVersion: 39,
    editable: false,
    refresh: '10s',
    time: { from: 'now-1h', to: 'now' },
    templating: { list: [{ name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus' }] },
    panels: panels.map(({ title, unit, queries, tells }, index) => ({
      id: index + 1,
      type: 'timeseries',
      title,
      ...(tells !== undefined && { description: tells }),
      datasource,
      gridPos: { x: (index % 2) * WIDTH, y: Math.floor(index / 2) * HEIGHT, w: WIDTH, h: HEIGHT },
      fieldConfig: { defaults: { unit, min: 0, custom: { fillOpacity: 8, showPoints: 'never' } }, overrides: [] },
      options: { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi', sort: 'desc' } },
      targets: queries.map(([expr, legendFormat], query) => ({
        refId: String.fromCharCode(65 + query),
        datasource,
        expr,
        legendFormat,
      })),
    })),
  };
}
