-- No state is read once for each region where the planner knows of all states, and of the schedule of one region alone: statistics
-- of one table are older than those of another until autovacuum has been at both.

SET LOCAL lock_timeout = '4s';
SET LOCAL statement_timeout = '30s';

CREATE OR REPLACE VIEW sitemon.site_status AS
SELECT
    watch.site,
    watch.region,
    target.url,
    watch.outcome,
    watch.since_at,
    watch.slot_at,
    watch.checked_at,
    watch.reason,
    watch.http_code,
    watch.latency_s,
    watch.is_ended,
    CASE WHEN maintained.site_id IS NOT NULL THEN 'maintenance' ELSE watch.state END AS state,
    coalesce(maintained.from_at, watch.state_since) AS state_since,
    watch.seen_at,
    watch.interval_s,
    watch.labels,
    watch.is_region_offline,
    target.short_url,
    target.url_digest,
    watch.short_labels,
    watch.labels_digest
FROM sitemon.watch_state AS watch
-- Looked up for each: sites had other URLs before, which stay, and a join might read them all.
CROSS JOIN LATERAL (
    SELECT url, CASE WHEN url_digest IS NULL THEN url END AS short_url, url_digest
    FROM sitemon.target
    WHERE target.target_id = watch.target_id
    OFFSET 0
) AS target
LEFT JOIN sitemon.maintained_now AS maintained ON maintained.site_id = watch.site_id
UNION ALL
-- Those that are in the schedule, and of which there is no result yet.
SELECT
    site.name,
    region.name,
    '',
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
    false,
    CASE WHEN maintained.site_id IS NOT NULL THEN 'maintenance' ELSE 'unknown' END,
    coalesce(maintained.from_at, sitemon.from_ms(stretch.from_ms)),
    NULL,
    -- Of the same type as above: else each row is made of all columns, whichever are asked for.
    (stretch.interval_ms / 1000.0)::double precision,
    coalesce(watch.labels, '{}'),
    false,
    '',
    NULL,
    CASE WHEN watch.labels_digest IS NULL THEN coalesce(watch.short_labels, '{}') END,
    watch.labels_digest
FROM sitemon.schedule_stretch AS stretch
JOIN sitemon.site ON site.site_id = stretch.site_id
-- An outer join, as in watch_state.
LEFT JOIN sitemon.region ON region.region_id = stretch.region_id
LEFT JOIN sitemon.shown_watch AS watch ON watch.site_id = stretch.site_id AND watch.region_id = stretch.region_id
LEFT JOIN sitemon.maintained_now AS maintained ON maintained.site_id = stretch.site_id
WHERE stretch.until_ms = 9223372036854775807
    AND NOT EXISTS (
        SELECT
        FROM sitemon.current_state AS state
        WHERE state.site_id = stretch.site_id AND state.region_id = stretch.region_id
    );
