-- Whether an incident lay behind another site is settled at its end, and anew when that one's outage is corrected.

SET LOCAL lock_timeout = '4s';
SET LOCAL statement_timeout = '5min';

-- One that is over, and lay behind another site when that was looked at last, is looked at once more with is_unsettled.
ALTER TABLE sitemon.incident ADD COLUMN is_unsettled boolean NOT NULL DEFAULT false;

DROP INDEX sitemon.incident_held;

-- Queries held_numbers and held_incidents.
CREATE INDEX incident_held ON sitemon.incident (incident_id)
WHERE is_held AND withdrawn_at IS NULL AND (ended_at IS NULL OR behind IS NULL OR is_unsettled);

-- Query unsettle_those_behind.
CREATE INDEX incident_behind ON sitemon.incident (behind, ended_at)
WHERE is_held AND withdrawn_at IS NULL AND behind IS NOT NULL;
