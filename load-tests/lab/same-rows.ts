/**
 * The rows that placing an order writes (one event, two messages, the answer under its key, the deadline of the next
 * step) and reads (a key, a product), by hand: in as few round trips as Postgres allows, and in the seven of a careful
 * program without our statement.
 */
// A colon before a letter or a digit would be a variable of pgbench.
const event = `'{"orderId": "0198c0de-0000-7000-8000-000000000000", "customerId": "0198c0de-0000-7000-8000-000000000000", "lines": [{"productId": "0198c0de-0000-7000-8000-000000000000", "name": "Ash Bookend, Chalk", "quantity": 1, "price": 1450}], "total": 1450, "currency": "EUR", "paymentToken": "tok_000000000000000000000000000000000000000000000000"}'`;
/** As long as a sealed message is. */
const payload = `repeat('x', 600)`;
const messages = `(2, 'orders.events', :id, ${payload}), (2, 'catalog.commands', :id, ${payload})`;
const ids = `SELECT gen_random_uuid() AS id, gen_random_uuid() AS key \\gset\n`;

/** pgbench's script of seven round trips, the first of which makes its ids. */
export const sevenRoundTrips = `${ids}BEGIN;
SELECT (SELECT price FROM products WHERE id = :key::uuid), (SELECT answer FROM idempotency WHERE principal = 'p' AND operation = 'place-order' AND key = :key::text);
INSERT INTO events (stream, version, id, type, data, recorded_at) VALUES (:id, 1, :key, 'OrderPlaced', ${event}, now());
INSERT INTO outbox (shard, topic, key, payload) VALUES ${messages};
WITH answered AS (INSERT INTO idempotency (principal, operation, key, body_hash, status, answer) VALUES ('p', 'place-order', :key, 'hash', 201, ${event}))
INSERT INTO deadlines (stream, version, due_at) VALUES (:id, 1, now() + interval '1 minute');
COMMIT;
`;

/** pgbench's script of one. */
export const oneRoundTrip = `${oneStatement(`gen_random_uuid()`)};
`;

/** The same as one statement, of ids that `id` makes. */
export function oneStatement(id: string): string {
  return `WITH ids AS MATERIALIZED (SELECT ${id}::uuid AS id),
e AS (INSERT INTO events (stream, version, id, type, data, recorded_at) SELECT id, 1, id, 'OrderPlaced', ${event}, now() FROM ids),
o AS (INSERT INTO outbox (shard, topic, key, payload) SELECT 2, topic, id::text, ${payload} FROM ids, unnest(ARRAY['orders.events', 'catalog.commands']) AS topic),
a AS (INSERT INTO idempotency (principal, operation, key, body_hash, status, answer) SELECT 'p', 'place-order', id::text, 'hash', 201, ${event} FROM ids)
INSERT INTO deadlines (stream, version, due_at) SELECT id, 1, now() + interval '1 minute' FROM ids`;
}

/** Between rounds. */
export const forgetRows = 'TRUNCATE events, outbox, idempotency, deadlines';
