-- Which steps of an order have been asked for and not answered, how often they were, and since when an answer could have come. The row stays
-- until the last answer, also after the order has ended: no step is sent and forgotten (docs/adr/0041).
-- An instance of the version before writes none of it: its rows name no step, and are given up as before.
ALTER TABLE deadlines
  ADD COLUMN awaited text[]      NOT NULL DEFAULT '{}',
  ADD COLUMN asked   int         NOT NULL DEFAULT 1 CONSTRAINT deadlines_asked CHECK (asked >= 1),
  ADD COLUMN since   timestamptz NOT NULL DEFAULT now();

-- Up to when answers could come: written every few seconds while the bus answers somebody. A gap is an outage, and counts for no deadline.
CREATE TABLE answers_possible (
  until timestamptz NOT NULL DEFAULT clock_timestamp(),
  one   boolean     NOT NULL DEFAULT true CONSTRAINT answers_possible_one CHECK (one),
  CONSTRAINT answers_possible_pkey PRIMARY KEY (one)
) WITH (fillfactor = 10);
INSERT INTO answers_possible DEFAULT VALUES;

-- Rows live for seconds, and an answer that is not the last changes one in its place: room on the page keeps that out of the indexes.
ALTER TABLE deadlines SET (
  fillfactor = 70,
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 2000,
  autovacuum_vacuum_cost_delay = 0
);
