-- Since when an admin keeps somebody out; NULL: they may sign in. Everything that belongs to the account stays.
ALTER TABLE accounts ADD COLUMN disabled_at timestamptz;
