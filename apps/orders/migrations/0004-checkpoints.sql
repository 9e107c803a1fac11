-- Which events of which orders each reader says have come to it. A row is needed only until the time of its events has been compared.
CREATE TABLE checkpoints (
  consumer text           NOT NULL,
  stream   uuid           NOT NULL,
  versions int4multirange NOT NULL,
  noted_at timestamptz    NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT checkpoints_pkey PRIMARY KEY (consumer, stream)
);
CREATE INDEX checkpoints_noted_at ON checkpoints (noted_at);

-- Up to where each reader has been compared with what happened, and what it last said of itself.
CREATE TABLE checkpoint_readers (
  consumer    text        NOT NULL CONSTRAINT checkpoint_readers_pkey PRIMARY KEY,
  -- When it first spoke: what was recorded before is never compared.
  since       timestamptz NOT NULL,
  -- Everything recorded before has been compared.
  compared_to timestamptz NOT NULL,
  current_at  timestamptz,
  behind_at   timestamptz
);

-- Events that were missing at a reader and have been sent again. It stays empty while nothing is lost; nothing is ever deleted from it.
CREATE TABLE reemissions (
  consumer text        NOT NULL,
  stream   uuid        NOT NULL,
  version  int         NOT NULL,
  times    int         NOT NULL DEFAULT 1,
  first_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  last_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT reemissions_pkey PRIMARY KEY (consumer, stream, version)
);

-- Events are only ever appended, so their times lie in the order of their pages, and a block range index costs their writers nothing.
CREATE INDEX events_recorded_at ON events USING brin (recorded_at) WITH (pages_per_range = 16, autosummarize = on);
