-- A key is published when it is made, and signs from a later time on, until the next one does: whoever checks tokens has it before it is used.
-- All times are the database's, so that instances whose clocks differ agree. (retired_at is read by the release before; the next one drops it.)
ALTER TABLE signing_keys ADD COLUMN signs_from timestamptz NOT NULL DEFAULT now();
DROP INDEX signing_keys_current;

-- Counts the changes of what an admin may change of an account: If-Match goes by it.
ALTER TABLE accounts ADD COLUMN version int NOT NULL DEFAULT 1;

-- To end what one browser, or one person, has under way.
CREATE INDEX oidc_artifacts_session_uid ON oidc_artifacts ((payload ->> 'sessionUid')) WHERE payload ? 'sessionUid';
CREATE INDEX oidc_artifacts_account_id ON oidc_artifacts ((payload ->> 'accountId')) WHERE payload ? 'accountId';

-- How often a password was guessed at, shared by all instances. `account` and `source` are hashes: nothing that somebody typed is kept.
CREATE TABLE sign_in_attempts (
  account text NOT NULL,
  -- An address, a browser that has signed in before, or everybody else together.
  source text NOT NULL,
  failures int NOT NULL,
  -- Not before then; for everybody else together the theoretical arrival time of GCRA.
  next_at timestamptz NOT NULL,
  last_at timestamptz NOT NULL,
  PRIMARY KEY (account, source)
);
CREATE INDEX sign_in_attempts_last_at ON sign_in_attempts (last_at);

-- What happened to accounts, sessions and keys. It only grows: the service may add to it and read it, and change nothing.
CREATE TABLE security_events (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  event text NOT NULL,
  -- Whom it is about; absent where a name was typed that nobody has.
  account text,
  client text,
  -- Where the request came from.
  address text,
  details jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX security_events_account ON security_events (account, id) WHERE account IS NOT NULL;
DO $$
DECLARE role text;
BEGIN
  FOR role IN SELECT DISTINCT grantee::regrole::text FROM pg_class, aclexplode(relacl) WHERE oid = 'security_events'::regclass AND grantee NOT IN (0, relowner) LOOP
    EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON security_events FROM %s', role);
  END LOOP;
END $$;
