-- 'factor-added' tells the owner of an account that a second factor was added, with a link that removes it. `factor` is which: an app, or a passkey's id.
ALTER TABLE mail_requests ADD COLUMN factor text;
ALTER TABLE mail_requests DROP CONSTRAINT mail_requests_kind_check;
ALTER TABLE mail_requests ADD CONSTRAINT mail_requests_kind_check CHECK (kind IN ('verify-address', 'reset-password', 'address-verified', 'factor-added')) NOT VALID;
ALTER TABLE mail_requests VALIDATE CONSTRAINT mail_requests_kind_check;
