-- What was over behind an outage that is withdrawn is looked at anew: people may have to be told.

SET LOCAL lock_timeout = '4s';
SET LOCAL statement_timeout = '5min';

-- Query free_those_behind: what was over behind a site.
CREATE INDEX incident_behind ON sitemon.incident (behind, ended_at)
WHERE is_held AND withdrawn_at IS NULL AND behind IS NOT NULL;
