-- Expand. When a deadline is looked at, and when an order is given up, are two times. `due_at` keeps what the version before takes it for: when it gives the
-- order up ('infinity': never, it has ended). `look_at` is when this version looks whether it has to ask again. Contract, when no instance of the version before
-- runs any more: drop the trigger, `deadlines_due_at` and `due_at`.
ALTER TABLE deadlines ADD COLUMN look_at timestamptz NOT NULL DEFAULT now();
-- Rows of the version before name no such time: they are looked at as soon as any.
ALTER TABLE deadlines ALTER COLUMN look_at SET DEFAULT clock_timestamp() + interval '30 seconds';
CREATE INDEX deadlines_look_at ON deadlines (look_at);

-- An order that the version before has taken further awaits something else than was written beside it, and only from now on.
CREATE FUNCTION deadlines_taken_further() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.look_at := clock_timestamp() + interval '30 seconds';
  NEW.since := clock_timestamp();
  NEW.awaited := '{}';
  NEW.asked := 1;
  RETURN NEW;
END $$;
-- This version changes both with every step, so it never gets that far.
CREATE TRIGGER deadlines_taken_further BEFORE UPDATE ON deadlines FOR EACH ROW
  WHEN (NEW.version <> OLD.version AND NEW.look_at = OLD.look_at) EXECUTE FUNCTION deadlines_taken_further();
