-- A rebuild of a read model is written down, too; its `consumer` is the one that otherwise keeps the read model.
ALTER TABLE operator_actions
  DROP CONSTRAINT operator_actions_action,
  ADD CONSTRAINT operator_actions_action CHECK (action IN ('release', 'skip', 'replay', 'rebuild'));
