-- What was answered to a command, so that the same key again gets the same answer. Unique per who asked, for what, by which key.
CREATE TABLE idempotency (
  principal  text        NOT NULL,
  operation  text        NOT NULL,
  key        text        NOT NULL,
  -- SHA-256 of the canonical body: another body under the same key is refused.
  body_hash  text        NOT NULL,
  -- 0 while the work is under way, which nobody else ever sees: it is committed with its answer.
  status     int         NOT NULL,
  answer     jsonb       NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT idempotency_pkey PRIMARY KEY (principal, operation, key)
);
CREATE INDEX idempotency_created_at ON idempotency (created_at);
