-- What each consumer has already done. The row is written in the transaction of the effect, so an effect happens once however often
-- its message arrives. Kept longer than topics are retained and dead letters replayed.
CREATE TABLE inbox (
  consumer   text        NOT NULL,
  message_id text        NOT NULL,
  handled_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT inbox_pkey PRIMARY KEY (consumer, message_id)
);
CREATE INDEX inbox_handled_at ON inbox USING brin (handled_at);
