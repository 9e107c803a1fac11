-- What oidc-provider remembers (sessions, interactions, grants, codes, refresh tokens): the library's own payload, and beside it
-- only what is searched for. Every instance of auth reads and writes here, so none keeps state of its own.
CREATE TABLE oidc_artifacts (
  model text NOT NULL,
  -- The SHA-256 of the library's id, which for codes and refresh tokens is the credential: a copy of this table signs nobody in.
  id text NOT NULL,
  payload jsonb NOT NULL,
  grant_id text GENERATED ALWAYS AS (payload ->> 'grantId') STORED,
  uid text GENERATED ALWAYS AS (payload ->> 'uid') STORED,
  user_code text GENERATED ALWAYS AS (payload ->> 'userCode') STORED,
  -- Set once, by the statement that consumes a code or a refresh token.
  consumed_at timestamptz,
  -- NULL: never.
  expires_at timestamptz,
  PRIMARY KEY (model, id)
);
CREATE INDEX oidc_artifacts_grant_id ON oidc_artifacts (grant_id) WHERE grant_id IS NOT NULL;
CREATE INDEX oidc_artifacts_uid ON oidc_artifacts (model, uid) WHERE uid IS NOT NULL;
CREATE INDEX oidc_artifacts_user_code ON oidc_artifacts (model, user_code) WHERE user_code IS NOT NULL;
CREATE INDEX oidc_artifacts_expires_at ON oidc_artifacts (expires_at) WHERE expires_at IS NOT NULL;

-- The private keys that tokens are signed with, as JWKs. One current key for each algorithm: of two instances that start at once
-- one inserts, both read the same. A retired key signs nothing and stays in the JWKS until what it signed has expired.
CREATE TABLE signing_keys (
  kid text PRIMARY KEY,
  alg text NOT NULL,
  jwk jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  retired_at timestamptz
);
CREATE UNIQUE INDEX signing_keys_current ON signing_keys (alg) WHERE retired_at IS NULL;
