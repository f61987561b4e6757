-- Topic sitemon.status is told what time alone changes, too: windows that begin and end, and that nobody looks.

SET LOCAL lock_timeout = '4s';
SET LOCAL statement_timeout = '30s';

-- `regions` says what each region with a view says. What was to be told last is kept beside what was decided.
ALTER TABLE sitemon.decided_state
    ADD COLUMN regions jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN told_state text,
    ADD COLUMN told_since_at timestamptz,
    ADD COLUMN told_incident_id integer;

UPDATE sitemon.decided_state SET told_state = state, told_since_at = since_at, told_incident_id = incident_id;

-- How each site is: as it was decided, but for windows of maintenance, and for what nobody sees now.
CREATE VIEW sitemon.shown_state AS
SELECT
    -- Of the part that is grouped by it, so that a condition on it reaches that.
    seen.site_id,
    CASE
        WHEN maintained.site_id IS NOT NULL THEN 'maintenance'
        WHEN seen.is_unknown THEN 'unknown'
        ELSE decided.state
    END AS state,
    CASE
        WHEN maintained.site_id IS NOT NULL THEN maintained.from_at
        WHEN seen.is_unknown THEN seen.unknown_since_at
        ELSE decided.since_at
    END AS since_at,
    decided.incident_id,
    decided.regions - seen.unseen AS regions
FROM sitemon.decided_state AS decided
JOIN (
    SELECT
        site_id,
        bool_and(state = 'unknown') AS is_unknown,
        max(state_since) AS unknown_since_at,
        coalesce(array_agg(region) FILTER (WHERE state = 'unknown'), '{}') AS unseen
    FROM sitemon.watch_state
    WHERE NOT is_ended
    GROUP BY site_id
) AS seen ON seen.site_id = decided.site_id
LEFT JOIN sitemon.maintained_now AS maintained ON maintained.site_id = decided.site_id;

-- So that the regions of all sites are known.
INSERT INTO sitemon.undecided (site_id, from_at)
SELECT site_id, max(slot_at) FROM sitemon.current_state GROUP BY site_id;
