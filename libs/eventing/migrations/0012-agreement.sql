-- What all instances of this service must agree on (docs/adr/0044): the first that starts writes it, every other compares before it does anything.
CREATE TABLE agreement (
  term      text        NOT NULL,
  value     text        NOT NULL,
  agreed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT agreement_pkey PRIMARY KEY (term)
);
