-- What a site that goes up and down for months costs: its last incidents are found, however many there were before.

SET LOCAL lock_timeout = '4s';
SET LOCAL statement_timeout = '5min';

-- Queries circumstances and outages: which incident of a site ended last, and which one first after a moment.
CREATE INDEX incident_by_end ON sitemon.incident (site_id, ended_at) WHERE withdrawn_at IS NULL;
-- Query incidents_since: those that are open after a moment, or ended by a later row.
CREATE INDEX incident_by_closing ON sitemon.incident (site_id, coalesce(closed_by_at, 'infinity'))
WHERE withdrawn_at IS NULL;
