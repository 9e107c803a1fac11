import { readFileSync } from 'node:fs';

/** The tables of the event store (streams, answers, deadlines), as the orders service makes them. */
export const eventStoreTables = readFileSync(new URL('../../apps/orders/migrations/0001-event-store.sql', import.meta.url), 'utf8');
