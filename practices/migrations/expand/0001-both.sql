-- A column without a default or a check is added in a moment, whatever the size of the table. Both columns say the same from here on, whichever
-- of them a version of the service writes.
ALTER TABLE accounts ADD COLUMN balance_big bigint;
CREATE FUNCTION both_balances() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.balance_big IS NOT DISTINCT FROM OLD.balance_big THEN NEW.balance_big := NEW.balance;
  ELSE NEW.balance := NEW.balance_big;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER both_balances BEFORE UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION both_balances();
