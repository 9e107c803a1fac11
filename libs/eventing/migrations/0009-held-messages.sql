-- Messages whose destination (a topic and partition) does not take them at the moment, and all later ones of their keys (docs/adr/0040). They are
-- tried again apart from the outbox, which goes on without them. Of both drivers: what the log gave is kept here too, so that the slot moves on.
CREATE TABLE outbox_held (
  shard      smallint    NOT NULL,
  id         bigint      NOT NULL,
  topic      text        NOT NULL,
  key        text        NOT NULL,
  payload    text        NOT NULL,
  created_at timestamptz NOT NULL,
  -- The destination that the key waits for: one for all messages of a key.
  behind     text        NOT NULL,
  CONSTRAINT outbox_held_pkey PRIMARY KEY (shard, id)
);
CREATE INDEX outbox_held_behind ON outbox_held (behind, shard, id);
CREATE INDEX outbox_held_key ON outbox_held (key, id);

-- That what the broker refused was put back is written down, too; its `consumer` is `outbox`.
ALTER TABLE operator_actions
  DROP CONSTRAINT operator_actions_action,
  ADD CONSTRAINT operator_actions_action CHECK (action IN ('release', 'skip', 'replay', 'rebuild', 'ask', 'put-back'));
