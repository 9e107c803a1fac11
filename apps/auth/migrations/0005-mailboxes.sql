-- When the owner of the mailbox proved that the account is theirs; NULL: not yet, and no mail but the one that asks for it goes there.
-- Accounts that are there already have been written to all along, so they count as proven.
ALTER TABLE accounts ADD COLUMN verified_at timestamptz;
UPDATE accounts SET verified_at = created_at;

-- The queue of what notifications is to send for auth. It asks for it, so no link and no address is ever on a topic; the secret half of a
-- link is made from its id and the cookie keys when the mail is sent, so a copy of this table opens nothing.
CREATE TABLE mail_requests (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  account uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
  -- 'address-verified' is no mail: it lets go what notifications held back.
  kind text NOT NULL CHECK (kind IN ('verify-address', 'reset-password', 'address-verified')),
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  -- Set once, by the statement that uses the link.
  used_at timestamptz,
  attempts int NOT NULL DEFAULT 0,
  -- When it is to be sent; NULL: it was, or cannot be.
  next_attempt_at timestamptz DEFAULT now()
);
CREATE INDEX mail_requests_due ON mail_requests (next_attempt_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX mail_requests_account ON mail_requests (account);
CREATE INDEX mail_requests_expires_at ON mail_requests (expires_at);

-- How often mail was asked for a mailbox, whether there is an account or not. `mailbox` is a hash: nothing that somebody typed is kept.
CREATE TABLE mail_quotas (
  mailbox text NOT NULL,
  kind text NOT NULL,
  asked int NOT NULL,
  next_at timestamptz NOT NULL,
  last_at timestamptz NOT NULL,
  PRIMARY KEY (mailbox, kind)
);
CREATE INDEX mail_quotas_last_at ON mail_quotas (last_at);
