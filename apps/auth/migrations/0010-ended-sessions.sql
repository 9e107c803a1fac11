-- Sessions of browsers that were ended: one that a request under way saves again is not found. Kept for longer than a session lives.
CREATE TABLE ended_sessions (
  uid text PRIMARY KEY,
  expires_at timestamptz NOT NULL DEFAULT now() + interval '1 day'
);
CREATE INDEX ended_sessions_expires_at ON ended_sessions (expires_at);

-- To end the sign-ins of an account that are under way.
CREATE INDEX oidc_artifacts_interactions_of ON oidc_artifacts (account_id) WHERE model = 'Interaction' AND account_id IS NOT NULL;
