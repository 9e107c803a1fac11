import type { Pool } from 'pg';
import { meter } from '../telemetry/metrics.ts';

/** How many connections there are and do what, how many there may be, and how many callers wait for one. */
export function observePool(pool: Pool): void {
  const gauge = (name: string, description: string) =>
    meter().createObservableGauge(name, { unit: '{connection}', description });
  const count = gauge('db.client.connection.count', 'Connections, by state');
  const most = gauge('db.client.connection.max', 'Connections at most');
  const waiting = meter().createObservableGauge('db.client.connection.pending_requests', {
    unit: '{request}',
    description: 'Callers that wait for a connection',
  });
  meter().addBatchObservableCallback(
    (result) => {
      result.observe(count, pool.idleCount, { 'db.client.connection.state': 'idle' });
      result.observe(count, pool.totalCount - pool.idleCount, { 'db.client.connection.state': 'used' });
      result.observe(most, pool.options.max);
      result.observe(waiting, pool.waitingCount);
    },
    [count, most, waiting],
  );
}
