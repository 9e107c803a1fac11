-- A poison message is kept at its place before those that wait behind it, so that a released key goes on in order once the cause is gone.
ALTER TABLE parked_messages ADD COLUMN dead boolean NOT NULL DEFAULT false;

-- What people did to messages: who (their user on the operating system), when, what, and what came of it. Nothing is ever deleted from it.
CREATE TABLE operator_actions (
  id         bigint      GENERATED ALWAYS AS IDENTITY,
  at         timestamptz NOT NULL DEFAULT clock_timestamp(),
  operator   text        NOT NULL,
  action     text        NOT NULL CONSTRAINT operator_actions_action CHECK (action IN ('release', 'skip', 'replay')),
  consumer   text        NOT NULL,
  key        text,
  message_id text,
  -- Where the dead letter lies: topic:partition:offset.
  dead_letter text,
  outcome    text        NOT NULL,
  CONSTRAINT operator_actions_pkey PRIMARY KEY (id)
);
CREATE INDEX operator_actions_at ON operator_actions (at);
