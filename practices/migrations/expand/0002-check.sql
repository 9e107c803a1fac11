-- Taken at its word for what is there, and only looked at afterwards, without a lock that anybody notices.
ALTER TABLE accounts ADD CONSTRAINT accounts_balance_big CHECK (balance_big IS NOT NULL) NOT VALID;
