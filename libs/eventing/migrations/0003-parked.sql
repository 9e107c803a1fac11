-- Keys whose messages wait because an earlier one could not be handled. Checked in the transaction of every effect: other keys flow,
-- and within a key order holds across restarts and rebalances.
CREATE TABLE parked_keys (
  consumer        text        NOT NULL,
  key             text        NOT NULL,
  -- transient: tried again by itself; poison: a person decides.
  kind            text        NOT NULL CONSTRAINT parked_keys_kind CHECK (kind IN ('transient', 'poison')),
  reason          text        NOT NULL,
  attempts        int         NOT NULL DEFAULT 0,
  parked_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
  next_attempt_at timestamptz NOT NULL,
  CONSTRAINT parked_keys_pkey PRIMARY KEY (consumer, key)
);

-- Their messages, in the order in which they arrived.
CREATE TABLE parked_messages (
  id         bigint      GENERATED ALWAYS AS IDENTITY,
  consumer   text        NOT NULL,
  key        text        NOT NULL,
  message_id text        NOT NULL,
  topic      text        NOT NULL,
  payload    text        NOT NULL,
  parked_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT parked_messages_pkey PRIMARY KEY (id),
  CONSTRAINT parked_messages_once UNIQUE (consumer, message_id)
);
CREATE INDEX parked_messages_of_key ON parked_messages (consumer, key, id);
