-- Messages waiting to be published. A queue table, not a log: the relay deletes what the broker has acknowledged, so it stays small.
-- Whoever writes a row holds the row lock of the message's key (its stream's next version, or its aggregate's row), so that
-- the ids of one key are in commit order; a key always falls into the same shard, and a shard has one relay at a time.
CREATE TABLE outbox (
  shard      smallint    NOT NULL,
  id         bigint      GENERATED ALWAYS AS IDENTITY (CACHE 1),
  topic      text        NOT NULL,
  key        text        NOT NULL,
  payload    text        NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT outbox_pkey PRIMARY KEY (shard, id)
) WITH (
  -- Rows live for milliseconds: vacuum by count, not by share, and never wait between pages.
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 2000,
  autovacuum_vacuum_cost_delay = 0,
  autovacuum_vacuum_insert_scale_factor = 0,
  autovacuum_vacuum_insert_threshold = 20000
);

-- What the broker will never take (too large, a name that cannot be a topic): set aside with an alarm instead of blocking its shard.
CREATE TABLE outbox_rejected (
  shard       smallint    NOT NULL,
  id          bigint      NOT NULL,
  topic       text        NOT NULL,
  key         text        NOT NULL,
  payload     text        NOT NULL,
  created_at  timestamptz NOT NULL,
  rejected_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  reason      text        NOT NULL,
  CONSTRAINT outbox_rejected_pkey PRIMARY KEY (shard, id)
);
