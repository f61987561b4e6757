-- Of a site that is edited again, only what is new is read, and the stretches that it changes.

SET LOCAL lock_timeout = '4s';
SET LOCAL statement_timeout = '5min';

-- All events of the site that its stretches do not follow from are later, by token and sequence, than those that they
-- follow from, and reach back for a few slots at most.
ALTER TABLE sitemon.changed_watch ADD COLUMN is_later boolean NOT NULL DEFAULT false;

-- Query keep_dark_stretches: which regions have a schedule.
CREATE INDEX schedule_stretch_by_region ON sitemon.schedule_stretch (region_id);

-- No stretch of a site reaches beyond the beginning of its next one any more: those that do are made anew.
INSERT INTO sitemon.changed_watch (site_id, region_id)
SELECT DISTINCT site_id, region_id
FROM (
    SELECT
        site_id,
        region_id,
        until_ms > lead(from_ms) OVER (PARTITION BY site_id, region_id ORDER BY from_ms) AS is_beyond
    FROM sitemon.schedule_stretch
) AS stretch
WHERE is_beyond
ON CONFLICT DO NOTHING;
