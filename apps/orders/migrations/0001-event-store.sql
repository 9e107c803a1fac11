-- What happened to each order, in order. (stream, version) is unique: of two writers who saw the same past, one loses and looks again.
-- Hash-partitioned into sixteen logical shards by stream, so that a shard can move to another database whole.
CREATE TABLE events (
  stream      uuid        NOT NULL,
  version     int         NOT NULL CONSTRAINT events_version CHECK (version >= 1),
  id          uuid        NOT NULL,
  type        text        NOT NULL,
  data        jsonb       NOT NULL,
  recorded_at timestamptz NOT NULL,
  PRIMARY KEY (stream, version)
) PARTITION BY HASH (stream);

DO $$
BEGIN
  FOR shard IN 0..15 LOOP
    EXECUTE format('CREATE TABLE events_%s PARTITION OF events FOR VALUES WITH (MODULUS 16, REMAINDER %s)', lpad(shard::text, 2, '0'), shard);
  END LOOP;
END $$;

-- What was answered to a command, so that the same key again gets the same answer. Unique per who asked, for what, by which key.
CREATE TABLE idempotency (
  principal  text        NOT NULL,
  operation  text        NOT NULL,
  key        text        NOT NULL,
  -- SHA-256 of the canonical body: another body under the same key is refused.
  body_hash  text        NOT NULL,
  status     int         NOT NULL,
  answer     jsonb       NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT idempotency_pkey PRIMARY KEY (principal, operation, key)
);
CREATE INDEX idempotency_created_at ON idempotency (created_at);

-- By when the next step of an order must have come. A row, so that it outlives every process.
CREATE TABLE deadlines (
  stream  uuid        NOT NULL CONSTRAINT deadlines_pkey PRIMARY KEY,
  -- The stream's version that awaits it: once the stream has moved on, the deadline means nothing.
  version int         NOT NULL,
  due_at  timestamptz NOT NULL
);
CREATE INDEX deadlines_due_at ON deadlines (due_at);
