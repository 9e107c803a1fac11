-- In which form an event is stored; the reading edge lifts older ones to today's (apps/orders/src/domain/upcasters.ts). The default is what
-- everything before this migration is, and what an instance that knows no forms yet writes while it is being replaced.
ALTER TABLE events ADD COLUMN schema_version smallint NOT NULL DEFAULT 1 CONSTRAINT events_schema_version CHECK (schema_version >= 1);
