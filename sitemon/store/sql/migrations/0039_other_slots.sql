-- A state knows what was before it: so nobody reads the rows of what was missed in between.

SET LOCAL lock_timeout = '4s';
SET LOCAL statement_timeout = '5min';

-- The newest slot before `seen_since_at` of which something else was seen than `seen_outcome`. And two slots that were seen,
-- between which nothing was: where a late result had the state begin earlier, it went on from the second.
ALTER TABLE sitemon.current_state
    ADD COLUMN other_slot_at timestamptz,
    ADD COLUMN gap_from_at timestamptz,
    ADD COLUMN gap_until_at timestamptz;

-- It is looked for from there down once, when something late comes.
UPDATE sitemon.current_state SET other_slot_at = seen_since_at WHERE seen_since_at IS NOT NULL;
