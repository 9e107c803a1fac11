-- Nobody reads or writes the old column any more.
DROP TRIGGER both_balances ON accounts;
DROP FUNCTION both_balances;
ALTER TABLE accounts DROP COLUMN balance;
