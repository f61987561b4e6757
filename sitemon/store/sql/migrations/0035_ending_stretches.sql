-- A step of the account reads no stretches of the schedule that are over, however many are kept.

SET LOCAL lock_timeout = '4s';
SET LOCAL statement_timeout = '5min';

-- Queries patience_groups and due_in_window: the stretches that have no end yet.
CREATE INDEX schedule_stretch_lasting ON sitemon.schedule_stretch (patience_ms)
WHERE until_ms = 9223372036854775807;
-- The same queries, and patiences: of those with an end the ones that have slots whose patience ends in a time.
CREATE INDEX schedule_stretch_by_due ON sitemon.schedule_stretch
USING gist (int8range(from_ms + patience_ms, greatest(from_ms, until_ms) + patience_ms))
WHERE until_ms < 9223372036854775807;
