-- What the provider was asked for and has not answered: whether money moved is open until its ledger has been asked. A row outlives every
-- process, and goes when the outcome is known; small, so that it can be looked at often.
CREATE TABLE open_outcomes (
  order_id      uuid        NOT NULL,
  move          text        NOT NULL CONSTRAINT open_outcomes_move CHECK (move IN ('authorise', 'capture', 'void')),
  -- The request of an authorisation, to be repeated as it was. The token is kept no longer than it is needed.
  amount        bigint      CONSTRAINT open_outcomes_amount CHECK (amount >= 0),
  currency      text        CONSTRAINT open_outcomes_currency CHECK (currency ~ '^[A-Z]{3}$'),
  payment_token text,
  -- The order was given up meanwhile: whatever comes of it is to be let go.
  unwanted      boolean     NOT NULL DEFAULT false,
  -- By when the provider was last asked for the move, at the latest; written before it is asked again.
  asked_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- When the ledger is asked next, and how often it was.
  due_at        timestamptz NOT NULL,
  attempts      integer     NOT NULL DEFAULT 0,
  -- The message that asked for it, and its trace: what is found out later still belongs to both.
  caused_by     text,
  traceparent   text,
  CONSTRAINT open_outcomes_pkey PRIMARY KEY (order_id),
  CONSTRAINT open_outcomes_request CHECK ((move = 'authorise') = (num_nonnulls(amount, currency, payment_token) = 3))
);
CREATE INDEX open_outcomes_due_at ON open_outcomes (due_at);
