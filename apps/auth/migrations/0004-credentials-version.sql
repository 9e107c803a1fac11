-- Counts how often everything that somebody signed in to was ended at once: a new password, an account disabled. What was begun under an earlier
-- version is not found any more, also what is being written at that very moment.
ALTER TABLE accounts ADD COLUMN credentials_version int NOT NULL DEFAULT 1;

-- Whose it is, and the version of the credentials that its sign-in proved. NULL: nobody's, or written by the release before.
ALTER TABLE oidc_artifacts ADD COLUMN account_id uuid;
ALTER TABLE oidc_artifacts ADD COLUMN credentials_version int;
