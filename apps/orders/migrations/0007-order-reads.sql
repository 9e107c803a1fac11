-- Who of those that serve customers read whose order. It only grows: the service may add to it and read it, and change nothing.
CREATE TABLE order_reads (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  reader text NOT NULL,
  order_id uuid NOT NULL,
  customer text NOT NULL,
  what text NOT NULL
);
CREATE INDEX order_reads_customer ON order_reads (customer, id);
DO $$
DECLARE role text;
BEGIN
  FOR role IN SELECT DISTINCT grantee::regrole::text FROM pg_class, aclexplode(relacl) WHERE oid = 'order_reads'::regclass AND grantee NOT IN (0, relowner) LOOP
    EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON order_reads FROM %s', role);
  END LOOP;
END $$;
