-- name: due
-- Sites in regions where a slot has come of which a result was recorded before, those first that came first.
SELECT site_id, region_id
FROM sitemon.slot_ahead
WHERE slot_at <= now() + '1 minute'::interval
ORDER BY slot_at
LIMIT %(most)s;

-- name: lock
-- Until a batch is committed that has noted something here its results are not seen.
SELECT
FROM sitemon.slot_ahead
JOIN unnest(%(site_ids)s::integer[], %(region_ids)s::integer[]) AS given (site_id, region_id) USING (site_id, region_id)
ORDER BY site_id, region_id
FOR UPDATE OF slot_ahead;

-- name: take
-- Take from those that wait what has come, unless another recorder did so. As merge_results does, let a site be decided on
-- of which anything came but the next good rows while it is at rest. Returns one row: whether an alerter has something to
-- decide; the sites whose states have to be settled, and what of them was seen in which slots.
WITH come AS (
    DELETE FROM sitemon.slot_ahead AS noted
    USING unnest(%(site_ids)s::integer[], %(region_ids)s::integer[]) AS given (site_id, region_id)
    WHERE (noted.site_id, noted.region_id) = (given.site_id, given.region_id)
        AND noted.slot_at <= now() + '1 minute'::interval
    RETURNING noted.site_id, noted.region_id, noted.slot_at, now() + '1 minute'::interval AS until_at
), marked AS (
    INSERT INTO sitemon.undecided (site_id, from_at)
    SELECT site_id, min(come.slot_at)
    FROM come
    LEFT JOIN sitemon.current_state AS state USING (site_id, region_id)
    LEFT JOIN sitemon.incident_state USING (site_id)
    WHERE state.seen_outcome IS DISTINCT FROM 'up'
        OR state.slot_at >= come.slot_at
        OR incident_state.site_id IS NOT NULL
        OR EXISTS (
            SELECT
            FROM sitemon.result
            WHERE result.site_id = come.site_id
                AND result.region_id = come.region_id
                AND result.slot_at >= come.slot_at
                AND result.slot_at <= come.until_at
                AND (result.kind = 'confirm' OR result.kind <> 'adhoc' AND result.outcome <> 'up')
        )
    GROUP BY site_id
    ORDER BY site_id
    RETURNING site_id
), seen AS MATERIALIZED (
    SELECT come.site_id, come.region_id, result.slot_at, result.outcome
    FROM come
    JOIN sitemon.result
        ON result.site_id = come.site_id
        AND result.region_id = come.region_id
        AND result.slot_at >= come.slot_at
        AND result.slot_at <= come.until_at
    WHERE result.kind NOT IN ('adhoc', 'confirm') AND result.outcome <> 'missed'
)
SELECT
    (SELECT count(*) > 0 FROM marked) AS is_marked,
    (SELECT array_agg(site_id) FROM come) AS site_ids,
    (SELECT array_agg(region_id) FROM come) AS region_ids,
    (SELECT array_agg(site_id) FROM seen) AS seen_site_ids,
    (SELECT array_agg(region_id) FROM seen) AS seen_region_ids,
    (SELECT array_agg(slot_at) FROM seen) AS seen_slots_at,
    (SELECT array_agg(outcome::text) FROM seen) AS seen_outcomes;

-- name: note_next
-- Of these sites in regions the next slot that lies ahead, where there is a result of one.
INSERT INTO sitemon.slot_ahead AS noted (site_id, region_id, slot_at)
SELECT given.site_id, given.region_id, next.slot_at
FROM unnest(%(site_ids)s::integer[], %(region_ids)s::integer[]) AS given (site_id, region_id)
CROSS JOIN LATERAL (
    SELECT slot_at
    FROM sitemon.result
    WHERE result.site_id = given.site_id
        AND result.region_id = given.region_id
        AND result.kind <> 'adhoc'
        AND result.slot_at > now() + '1 minute'::interval
    ORDER BY slot_at
    LIMIT 1
) AS next
ORDER BY given.site_id, given.region_id
ON CONFLICT (site_id, region_id) DO UPDATE SET slot_at = excluded.slot_at WHERE excluded.slot_at < noted.slot_at;
