-- Passkeys (WebAuthn credentials) that somebody signs in with as a second factor. Public keys: a copy of this table opens nothing.
CREATE TABLE passkeys (
  -- The credential's id as the browser writes it, in base64url.
  id text PRIMARY KEY,
  account uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
  public_key bytea NOT NULL,
  -- What the authenticator counted last; 0 where it does not count. It only grows.
  counter bigint NOT NULL,
  transports text[] NOT NULL DEFAULT '{}',
  -- What its owner calls it.
  name text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  last_used_at timestamptz
);
CREATE INDEX passkeys_account ON passkeys (account);

-- Challenges that were answered, each of which is good once. `hash` is the SHA-256 of one; kept until the challenge would be over anyway.
CREATE TABLE used_challenges (
  hash text PRIMARY KEY,
  expires_at timestamptz NOT NULL
);
CREATE INDEX used_challenges_expires_at ON used_challenges (expires_at);

-- Recovery codes are also for who has passkeys only.
ALTER TABLE recovery_codes ADD CONSTRAINT recovery_codes_of_account FOREIGN KEY (account) REFERENCES accounts ON DELETE CASCADE NOT VALID;
ALTER TABLE recovery_codes VALIDATE CONSTRAINT recovery_codes_of_account;
ALTER TABLE recovery_codes DROP CONSTRAINT recovery_codes_account_fkey;
