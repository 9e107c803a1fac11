import { readdirSync, readFileSync } from 'node:fs';

const folder = new URL('../../apps/orders/migrations/', import.meta.url);

/**
 * The tables of the event store (streams, answers, deadlines) and what is read beside it, as the orders service makes
 * them.
 */
export const eventStoreTables = readdirSync(folder)
  .filter((name) => name.endsWith('.sql'))
  .sort()
  .map((name) => readFileSync(new URL(name, folder), 'utf8'))
  // In one go, on tables that nobody uses yet.
  .map((sql) => sql.replaceAll(' CONCURRENTLY', ''))
  .join('\n');
