-- Copies of what other services own, as they compare with what their owner says.
CREATE TABLE copies (
  name        text        NOT NULL CONSTRAINT copies_pkey PRIMARY KEY,
  -- Why it may lack something, since the place on its topic was lost; NULL: it does not.
  lost        text,
  -- The last question for what is lacking: the owner's answer bears it.
  asked       text,
  asked_at    timestamptz,
  -- Buckets that differed when it was last compared: those that do so twice in a row are not merely under way.
  differing   int[]       NOT NULL DEFAULT '{}',
  compared_at timestamptz
);
INSERT INTO copies (name) VALUES ('products');
