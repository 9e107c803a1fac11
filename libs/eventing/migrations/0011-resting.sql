-- How far each book of this service has been looked through for rows that rest in a state that is not their last, and those that were found: they
-- are told again until they rest no more (docs/adr/0045).
CREATE TABLE books_looked_through (
  book    text NOT NULL CONSTRAINT books_looked_through_pkey PRIMARY KEY,
  through text NOT NULL
);
CREATE TABLE resting (
  book     text        NOT NULL,
  key      uuid        NOT NULL,
  told     int         NOT NULL DEFAULT 0,
  found_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  next_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT resting_pkey PRIMARY KEY (book, key)
);
