-- For OUTBOX_DRIVER=wal (docs/adr/0015): which replication slot reads the messages, and up to where they are on the bus, written down
-- before the slot is moved. So a slot that is missing, or stands further, is not the one that was left: messages are gone, and the relay
-- stops instead of making another. Without a row there has never been a slot, and the first relay makes it.
CREATE TABLE outbox_slot (
  slot     text        NOT NULL,
  position pg_lsn      NOT NULL,
  made_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  one      boolean     NOT NULL DEFAULT true CONSTRAINT outbox_slot_one CHECK (one),
  CONSTRAINT outbox_slot_pkey PRIMARY KEY (one)
);

-- The decoder of the log wants one by name. Of no table: messages need none.
CREATE PUBLICATION outbox;
