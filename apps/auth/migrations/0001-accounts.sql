-- The people who may sign in. Plain CRUD: Prisma Client writes here.
CREATE TABLE accounts (
  id uuid PRIMARY KEY,
  -- Lower case, so that one mailbox is one account.
  email text NOT NULL CONSTRAINT accounts_email_key UNIQUE CONSTRAINT accounts_email_lower CHECK (email = lower(email)),
  name text NOT NULL,
  -- argon2id in its PHC string format: algorithm, cost and salt travel with the hash.
  password_hash text NOT NULL,
  roles text[] NOT NULL DEFAULT '{customer}',
  created_at timestamptz(3) NOT NULL DEFAULT now()
);
