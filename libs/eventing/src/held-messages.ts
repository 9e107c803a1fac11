import type pg from 'pg';
import type { Held, Refused } from './destinations.ts';
import { BATCH, BATCH_BYTES, type OutboxMessage } from './relay.ts';

/**
 * The table outbox_held of one relay, on the connection that owns what it reads (migrations/0009-held-messages.sql).
 */
export class HeldMessages {
  readonly #client: pg.Client;

  constructor(client: pg.Client) {
    this.#client = client;
  }

  /**
   * The destinations that anything of these shards waits for. Skips from one to the next: it costs as many steps as
   * there are destinations, however much waits.
   */
  async destinations(shards: readonly number[]): Promise<string[]> {
    const { rows } = await this.#client.query<{ behind: string }>({
      name: 'held-destinations',
      text: `WITH RECURSIVE each AS (
               (SELECT behind FROM outbox_held ORDER BY behind LIMIT 1)
               UNION ALL
               SELECT (SELECT behind FROM outbox_held WHERE behind > each.behind ORDER BY behind LIMIT 1) FROM each WHERE each.behind IS NOT NULL)
             SELECT behind FROM each WHERE behind IS NOT NULL
               AND EXISTS (SELECT 1 FROM unnest($1::smallint[]) AS owned(shard) JOIN outbox_held h ON h.behind = each.behind AND h.shard = owned.shard)`,
      values: [shards],
    });
    return rows.map(({ behind }) => behind);
  }

  /** Which of these keys wait, and for which destination. */
  async keys(keys: readonly string[]): Promise<Map<string, string>> {
    const { rows } = await this.#client.query<{ key: string; behind: string }>({
      name: 'held-keys',
      text: `SELECT key, (SELECT behind FROM outbox_held WHERE outbox_held.key = asked.key LIMIT 1) AS behind FROM unnest($1::text[]) AS asked(key)
             WHERE EXISTS (SELECT 1 FROM outbox_held WHERE outbox_held.key = asked.key)`,
      values: [[...new Set(keys)]],
    });
    return new Map(rows.map(({ key, behind }) => [key, behind]));
  }

  /**
   * The oldest of each shard that wait for a destination, as many as a batch may hold, at least one if there is any.
   */
  async first(destination: string, shards: readonly number[]): Promise<OutboxMessage[]> {
    const { rows } = await this.#client.query<OutboxMessage>({
      name: 'held-first',
      text: `SELECT shard, id::text, topic, key, payload
             FROM (SELECT *, octet_length(payload) AS size, sum(octet_length(payload)) OVER (ORDER BY shard, o.id) AS total
                   FROM (SELECT * FROM outbox_held WHERE behind = $1 AND shard = ANY ($2::smallint[]) ORDER BY shard, id LIMIT ${BATCH}) AS o) AS next
             WHERE total <= ${BATCH_BYTES} OR total = size ORDER BY shard, next.id`,
      values: [destination, shards],
    });
    return rows;
  }

  /** Forgets what is on the bus. */
  async published(messages: readonly OutboxMessage[]): Promise<void> {
    const values = [[...new Set(messages.map(({ shard }) => shard))], messages.map(({ id }) => id)];
    await this.#client.query({
      name: 'held-done',
      text: 'DELETE FROM outbox_held WHERE shard = ANY ($1::smallint[]) AND id = ANY ($2::bigint[])',
      values,
    });
  }

  /** Keys that wait for another destination now, with all their messages. */
  async turn(held: readonly Held<OutboxMessage>[]): Promise<void> {
    await this.#client.query(
      `UPDATE outbox_held SET behind = turned.behind FROM unnest($1::text[], $2::text[]) AS turned(key, behind) WHERE outbox_held.key = turned.key`,
      [held.map(({ message }) => message.key), held.map(({ behind }) => behind)],
    );
  }
}

/** Moves messages from a table to the held ones. */
export const holdFrom = (client: pg.Client, from: 'outbox', held: readonly Held<OutboxMessage>[]) =>
  client.query(
    `WITH wanted AS (SELECT * FROM unnest($1::smallint[], $2::bigint[], $3::text[]) AS w(shard, id, behind)),
          moved AS (DELETE FROM ${from} AS f USING wanted WHERE f.shard = wanted.shard AND f.id = wanted.id RETURNING f.*, wanted.behind)
     INSERT INTO outbox_held (shard, id, topic, key, payload, created_at, behind) SELECT shard, id, topic, key, payload, created_at, behind FROM moved
     ON CONFLICT ON CONSTRAINT outbox_held_pkey DO NOTHING`,
    [held.map(({ message }) => message.shard), held.map(({ message }) => message.id), held.map(({ behind }) => behind)],
  );

/** Sets messages of a table aside, for a person. */
export const rejectFrom = (
  client: pg.Client,
  from: 'outbox' | 'outbox_held',
  refused: readonly Refused<OutboxMessage>[],
) =>
  client.query(
    `WITH refused AS (SELECT * FROM unnest($1::smallint[], $2::bigint[], $3::text[]) AS r(shard, id, reason)),
          bad AS (DELETE FROM ${from} AS f USING refused WHERE f.shard = refused.shard AND f.id = refused.id RETURNING f.*, refused.reason)
     INSERT INTO outbox_rejected (shard, id, topic, key, payload, created_at, reason) SELECT shard, id, topic, key, payload, created_at, reason FROM bad
     ON CONFLICT ON CONSTRAINT outbox_rejected_pkey DO NOTHING`,
    [
      refused.map(({ message }) => message.shard),
      refused.map(({ message }) => message.id),
      refused.map(({ reason }) => reason),
    ],
  );
