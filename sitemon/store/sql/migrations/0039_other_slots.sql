-- A state knows what was before it: so nobody reads the rows of what was missed in between.

SET LOCAL lock_timeout = '4s';
SET LOCAL statement_timeout = '5min';

-- The newest slot before `seen_since_at` of which something else was seen than `seen_outcome`.
ALTER TABLE sitemon.current_state ADD COLUMN other_slot_at timestamptz;

-- It is looked for from there down once, when something late comes.
UPDATE sitemon.current_state SET other_slot_at = seen_since_at WHERE seen_since_at IS NOT NULL;
