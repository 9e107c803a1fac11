-- The same secret, sealed under FACTOR_KEYS: `<key id>.<sealed text>`. NULL: written by the release before, which knows `sealed_secret` only; the sweep of
-- expired data fills it. While both releases run, both columns are written; the release after the next reads and writes `sealed` alone.
ALTER TABLE totp_factors ADD COLUMN sealed text;
