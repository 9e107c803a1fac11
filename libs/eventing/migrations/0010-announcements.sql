-- That somebody had everything announced again is written down, too; its `consumer` is the one that keeps a copy of it.
ALTER TABLE operator_actions
  DROP CONSTRAINT operator_actions_action,
  ADD CONSTRAINT operator_actions_action CHECK (action IN ('release', 'skip', 'replay', 'rebuild', 'ask', 'put-back', 'announce'));
