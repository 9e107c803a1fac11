-- Which store this is, and how far it has come (docs/adr/0047): about once a second while something changes, `mark` is counted up and then published. The bus
-- never knows a higher one than the database, unless the database has been put back to an older state.
CREATE TABLE store_mark (
  epoch     uuid        NOT NULL,
  mark      bigint      NOT NULL DEFAULT 0,
  -- Where outbox and inboxes stood then: while they stay there, nothing is counted.
  position  text        NOT NULL DEFAULT '',
  marked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  one       boolean     NOT NULL DEFAULT true CONSTRAINT store_mark_one CHECK (one),
  CONSTRAINT store_mark_pkey PRIMARY KEY (one)
) WITH (fillfactor = 10);

-- What the bus knew when a person let another epoch begin: the store goes on from there.
CREATE TABLE store_epochs (
  epoch         uuid        NOT NULL,
  follows_epoch uuid        NOT NULL,
  follows_mark  bigint      NOT NULL,
  -- Up to when the older state was known to be whole, by its own last mark.
  restored_to   timestamptz NOT NULL,
  began_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT store_epochs_pkey PRIMARY KEY (epoch)
);

ALTER TABLE operator_actions
  DROP CONSTRAINT operator_actions_action,
  ADD CONSTRAINT operator_actions_action CHECK (action IN ('release', 'skip', 'replay', 'rebuild', 'ask', 'put-back', 'announce', 'restore'));
