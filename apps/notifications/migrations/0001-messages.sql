-- Messages to people. What a message says is a document, because every kind says something else; what its delivery is steered by are
-- columns. No personal data: the account is an opaque id, its address is asked for when the message is sent.
CREATE TABLE messages (
  id              uuid        NOT NULL,
  -- The event that caused it; also the Message-ID of the mail, by which readers drop what reaches them twice.
  event_id        text        NOT NULL,
  account_id      uuid        NOT NULL,
  document        jsonb       NOT NULL CONSTRAINT messages_document CHECK (document ?& ARRAY['channel', 'kind', 'orderId', 'payload']),
  -- The trace that the sending belongs to.
  traceparent     text,
  status          text        NOT NULL DEFAULT 'queued' CONSTRAINT messages_status CHECK (status IN ('queued', 'sent', 'failed')),
  -- Counts claims, so that a message that kills its sender is given up, too.
  attempts        integer     NOT NULL DEFAULT 0 CONSTRAINT messages_attempts CHECK (attempts >= 0),
  -- When it is due; while a sender has it in hand, when its lease ends.
  next_attempt_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- Why the last attempt failed: a code, never the other side's words, which may quote the address.
  failure         text,
  created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  sent_at         timestamptz,
  CONSTRAINT messages_pkey PRIMARY KEY (id),
  CONSTRAINT messages_event UNIQUE (event_id),
  CONSTRAINT messages_sent CHECK ((status = 'sent') = (sent_at IS NOT NULL)),
  CONSTRAINT messages_failed CHECK (status <> 'failed' OR failure IS NOT NULL)
);
-- What is waiting, however many messages were ever sent.
CREATE INDEX messages_due ON messages (next_attempt_at) WHERE status = 'queued';
-- A customer's messages, newest first: ids are UUIDv7.
CREATE INDEX messages_of_account ON messages (account_id, id DESC);
