import type { Admin } from 'kafkajs';
import pg from 'pg';
import type { Evidence, LedgerRow, Messaging, ServiceName } from './evidence.ts';
import { dumpTopics, lagOf } from './topic-dump.ts';

/** Where a shop's own record can be had. */
export interface Sources {
  /** A role that may read every table of the service. */
  readonly databases: Readonly<Record<ServiceName, string>>;
  readonly brokers: string;
  readonly admin: Admin;
  readonly provider: { readonly url: string; readonly key: string };
  /** The mail catcher's page. */
  readonly mail: string;
}

/**
 * What only the run knows: what clients were told, what was put on topics or taken away, what processes held, what is
 * allowed.
 */
export type Told = Pick<Evidence, 'journal' | 'poison' | 'lost' | 'deleted' | 'counts' | 'gauges' | 'bounds'>;

/** Gathers what there is to know, when nothing moves any more. */
export async function collect(sources: Sources, told: Told): Promise<Evidence> {
  const [orders, catalog, payments, notifications, published, lag, ledger, mails] = await Promise.all([
    inDatabase(sources.databases.orders, async (query) => ({
      ...(await ordersTables(query)),
      messaging: await messagingOf(query),
    })),
    inDatabase(sources.databases.catalog, async (query) => ({
      ...(await catalogTables(query)),
      messaging: await messagingOf(query),
    })),
    inDatabase(sources.databases.payments, async (query) => ({
      ...(await paymentsTables(query)),
      messaging: await messagingOf(query),
    })),
    inDatabase(sources.databases.notifications, async (query) => ({
      messages: await query<Evidence['messages'][number]>(MESSAGES),
      messaging: await messagingOf(query),
    })),
    dumpTopics(sources.brokers),
    lagOf(sources.admin),
    ledgerOf(sources.provider),
    mailsAt(sources.mail),
  ]);
  const messaging = {
    orders: orders.messaging,
    catalog: catalog.messaging,
    payments: payments.messaging,
    notifications: notifications.messaging,
  };
  return {
    ...told,
    ...orders,
    ...catalog,
    ...payments,
    messages: notifications.messages,
    messaging,
    published,
    lag,
    ledger,
    mails,
  };
}

type Query = <T>(sql: string) => Promise<T[]>;

async function inDatabase<T>(connectionString: string, work: (query: Query) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 10_000, query_timeout: 60_000 });
  client.on('error', () => {});
  await client.connect();
  try {
    return await work(async <R>(sql: string) => (await client.query(sql)).rows as R[]);
  } finally {
    await client.end();
  }
}

async function ordersTables(query: Query): Promise<Pick<Evidence, 'events' | 'keys' | 'awaited' | 'list' | 'priced'>> {
  return {
    events: await query('SELECT stream, version, id, type, data FROM events ORDER BY stream, version'),
    keys: await query(`SELECT principal, key, status, answer->>'id' AS order FROM idempotency`),
    awaited: (await query<{ stream: string }>('SELECT stream FROM deadlines')).map(({ stream }) => stream),
    list: await query('SELECT id, customer, status, total::int, currency::text, version FROM order_list'),
    priced: await query('SELECT id, name, price::int, currency::text, active, version FROM products'),
  };
}

async function catalogTables(query: Query): Promise<Pick<Evidence, 'products' | 'reservations'>> {
  return {
    products: await query(
      'SELECT id, name, price, currency, active, version, initial, free, reserved, sold FROM products',
    ),
    reservations: await query(`
      SELECT order_id AS order, status, version, coalesce((
        SELECT json_agg(json_build_object('productId', product_id, 'quantity', quantity)) FROM reservation_lines AS line WHERE line.order_id = r.order_id), '[]') AS lines
      FROM reservations AS r`),
  };
}

async function paymentsTables(query: Query): Promise<Pick<Evidence, 'payments' | 'open'>> {
  return {
    payments: await query('SELECT order_id AS order, status, version FROM payments'),
    open: (await query<{ order: string }>('SELECT order_id AS order FROM open_outcomes')).map(({ order }) => order),
  };
}

const MESSAGES = `SELECT event_id AS "eventId", document->>'orderId' AS order, status FROM messages`;

async function messagingOf(query: Query): Promise<Messaging> {
  return {
    outbox: await query('SELECT topic, key FROM outbox UNION ALL SELECT topic, key FROM outbox_held'),
    rejected: await query('SELECT topic, key, reason FROM outbox_rejected'),
    inbox: await query(
      'SELECT consumer, message_id AS "messageId", (extract(epoch FROM handled_at) * 1000)::float8 AS at FROM inbox',
    ),
    parked: await query('SELECT consumer, key, kind, reason FROM parked_keys'),
    waiting: await query('SELECT consumer, message_id AS "messageId" FROM parked_messages'),
    epochs: await query(
      'SELECT (extract(epoch FROM restored_to) * 1000)::float8 AS "restoredTo", (extract(epoch FROM began_at) * 1000)::float8 AS "beganAt" FROM store_epochs',
    ),
  };
}

async function ledgerOf({ url, key }: Sources['provider']): Promise<LedgerRow[]> {
  const response = await fetch(`${url}/v1/ledger`, {
    headers: { authorization: `Bearer ${key}` },
    signal: AbortSignal.timeout(10_000),
  });
  if (!response.ok) throw new Error(`the provider does not show its ledger: ${response.status}`);
  return ((await response.json()) as { rows: LedgerRow[] }).rows;
}

/** Which order a mail is about stands in its text, for people: the only id of that form in it. */
async function mailsAt(url: string): Promise<{ id: string; order: string }[]> {
  const response = await fetch(`${url}/api/email`, { signal: AbortSignal.timeout(30_000) });
  const mails = (await response.json()) as { headers: Record<string, string>; text?: string }[];
  return mails.map(({ headers, text }) => ({
    id: headers['message-id'] ?? '',
    order: /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(text ?? '')?.[0] ?? '',
  }));
}
