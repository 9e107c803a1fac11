-- The secret that somebody shares with their authenticator app (RFC 6238), sealed under the cookie keys and for this account only.
CREATE TABLE totp_factors (
  account uuid PRIMARY KEY REFERENCES accounts ON DELETE CASCADE,
  sealed_secret text NOT NULL,
  -- The time step of the last code that was taken: none is taken twice.
  last_step bigint NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- For who has lost the app: each once. `hash` is the SHA-256 of 80 random bits.
CREATE TABLE recovery_codes (
  account uuid NOT NULL REFERENCES totp_factors ON DELETE CASCADE,
  hash text NOT NULL,
  PRIMARY KEY (account, hash)
);
