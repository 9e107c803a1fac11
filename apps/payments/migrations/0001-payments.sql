-- What became of each order's money. One row per order, kept for ever: a void that came first forbids an authorisation that comes late.
CREATE TABLE payments (
  order_id   uuid        NOT NULL,
  status     text        NOT NULL CONSTRAINT payments_status CHECK (status IN ('authorised', 'captured', 'declined', 'voided')),
  -- The provider's name for what it holds, or held.
  payment_id text,
  -- Integer minor units (cents).
  amount     bigint      CONSTRAINT payments_amount CHECK (amount >= 0),
  currency   text        CONSTRAINT payments_currency CHECK (currency ~ '^[A-Z]{3}$'),
  -- Why the provider declined.
  reason     text,
  -- Numbers the outcomes announced about an order from 1, without gaps.
  version    integer     NOT NULL CONSTRAINT payments_version CHECK (version >= 1),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT payments_pkey PRIMARY KEY (order_id),
  CONSTRAINT payments_payment_id UNIQUE (payment_id),
  -- Money is held or taken under the provider's name for it, and we know how much it is.
  CONSTRAINT payments_held CHECK (status NOT IN ('authorised', 'captured') OR num_nonnulls(payment_id, amount, currency) = 3),
  CONSTRAINT payments_reason CHECK ((status = 'declined') = (reason IS NOT NULL))
) WITH (
  -- Each payment is updated once or twice: room on the page keeps that out of the indexes (HOT).
  fillfactor = 80
);
