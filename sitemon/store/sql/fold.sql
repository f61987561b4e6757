-- name: changed_watches
SELECT site_id, region_id FROM sitemon.changed_watch ORDER BY 1, 2 LIMIT %(watches)s;

-- name: forget_changed
DELETE FROM sitemon.changed_watch
WHERE (site_id, region_id) IN (SELECT * FROM unnest(%(site_ids)s::integer[], %(region_ids)s::integer[]));

-- name: changes_left
-- How many closed slots of these sites events may still change: none at worst, and each second one more.
SELECT site_id, region_id, greatest(0, %(most)s - greatest(0, budget_full_ms - %(closed_ms)s) / 1000)
FROM sitemon.watch
WHERE (site_id, region_id) IN (SELECT * FROM unnest(%(site_ids)s::integer[], %(region_ids)s::integer[]));

-- name: forget_stretches
DELETE FROM sitemon.schedule_stretch AS stretch
USING unnest(%(site_ids)s::integer[], %(region_ids)s::integer[], %(from_ms)s::bigint[]) AS gone (
    site_id, region_id, from_ms
)
WHERE (stretch.site_id, stretch.region_id, stretch.from_ms) = (gone.site_id, gone.region_id, gone.from_ms);

-- name: add_stretches
INSERT INTO sitemon.schedule_stretch (site_id, region_id, from_ms, until_ms, interval_ms, patience_ms)
SELECT *
FROM unnest(
    %(site_ids)s::integer[],
    %(region_ids)s::integer[],
    %(from_ms)s::bigint[],
    %(until_ms)s::bigint[],
    %(interval_ms)s::bigint[],
    %(patience_ms)s::bigint[]
);

-- name: move_watches
INSERT INTO sitemon.watch (site_id, region_id, token, sequence, at_ms, budget_full_ms, labels)
SELECT
    given.site_id,
    given.region_id,
    given.token,
    given.sequence,
    given.at_ms,
    %(closed_ms)s + given.changed * 1000,
    (
        SELECT labels
        FROM sitemon.schedule_event AS event
        WHERE (event.site_id, event.region_id) = (given.site_id, given.region_id)
            AND (event.token, event.sequence) = (given.token, given.sequence)
        ORDER BY event.at_ms DESC
        LIMIT 1
    )
FROM unnest(
    %(site_ids)s::integer[],
    %(region_ids)s::integer[],
    %(tokens)s::bigint[],
    %(sequences)s::bigint[],
    %(at_ms)s::bigint[],
    %(changed)s::bigint[]
) AS given (site_id, region_id, token, sequence, at_ms, changed)
ON CONFLICT (site_id, region_id) DO UPDATE SET
    token = excluded.token,
    sequence = excluded.sequence,
    at_ms = excluded.at_ms,
    budget_full_ms = greatest(watch.budget_full_ms, %(closed_ms)s) + excluded.budget_full_ms - %(closed_ms)s,
    labels = excluded.labels;
