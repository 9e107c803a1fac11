-- That somebody had the payment provider asked at once is written down, too; its `consumer` is the one whose messages the money moves by.
ALTER TABLE operator_actions
  DROP CONSTRAINT operator_actions_action,
  ADD CONSTRAINT operator_actions_action CHECK (action IN ('release', 'skip', 'replay', 'rebuild', 'ask'));
