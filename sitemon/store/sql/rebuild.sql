-- name: take_time
-- An hour of very many sites takes longer to count than a batch takes to write.
SET LOCAL statement_timeout = '15min';

-- name: forget_hours
DELETE FROM sitemon.count_hour WHERE hour_at >= %(from_at)s AND hour_at < %(until_at)s;
DELETE FROM sitemon.latency_hour WHERE hour_at >= %(from_at)s AND hour_at < %(until_at)s;

-- name: forget_days
DELETE FROM sitemon.count_day WHERE day >= %(from_day)s AND day < %(until_day)s;
DELETE FROM sitemon.latency_day WHERE day >= %(from_day)s AND day < %(until_day)s;
UPDATE sitemon.watermark SET day_site_id = 0, day_region_id = 0
WHERE days_until >= %(from_day)s AND days_until < %(until_day)s;

-- name: next_places
-- Sites in regions of which there is anything, the next ones after one: of each table the first that follows is looked up.
WITH RECURSIVE place AS (
    SELECT %(site_id)s::integer AS site_id, %(region_id)s::integer AS region_id
    UNION ALL
    SELECT next.site_id, next.region_id
    FROM place
    CROSS JOIN LATERAL (
        (
            SELECT site_id, region_id
            FROM sitemon.result
            WHERE (result.site_id, result.region_id) > (place.site_id, place.region_id)
            ORDER BY site_id, region_id
            LIMIT 1
        )
        UNION ALL
        (
            SELECT site_id, region_id
            FROM sitemon.current_state AS state
            WHERE (state.site_id, state.region_id) > (place.site_id, place.region_id)
            ORDER BY site_id, region_id
            LIMIT 1
        )
        UNION ALL
        (
            SELECT site_id, region_id
            FROM sitemon.schedule_stretch AS stretch
            WHERE (stretch.site_id, stretch.region_id) > (place.site_id, place.region_id)
            ORDER BY site_id, region_id
            LIMIT 1
        )
        UNION ALL
        (
            SELECT site_id, region_id
            FROM sitemon.away_hour AS away
            WHERE (away.site_id, away.region_id) > (place.site_id, place.region_id)
            ORDER BY site_id, region_id
            LIMIT 1
        )
        ORDER BY site_id, region_id
        LIMIT 1
    ) AS next
)
SELECT site_id, region_id FROM place OFFSET 1 LIMIT %(most)s;

-- name: away_hours_of_places
SELECT site_id, region_id, 0, closed_ms / 3600000 + 1
FROM unnest(%(site_ids)s::integer[], %(region_ids)s::integer[]) AS given (site_id, region_id)
CROSS JOIN sitemon.account;

-- name: rows_of_places
-- How many rows each has, so far as that matters.
SELECT site_id, region_id, rows
FROM unnest(%(site_ids)s::integer[], %(region_ids)s::integer[]) AS given (site_id, region_id)
CROSS JOIN LATERAL (
    SELECT count(*) AS rows
    FROM (
        SELECT
        FROM sitemon.result
        WHERE result.site_id = given.site_id AND result.region_id = given.region_id
        LIMIT %(most)s
    ) AS kept
) AS counted;

-- name: forget_states
-- States of slots of which none that has come has a row. Those whose rows are no longer kept stay as they are.
DELETE FROM sitemon.current_state AS state
USING unnest(%(site_ids)s::integer[], %(region_ids)s::integer[]) AS given (site_id, region_id)
WHERE (state.site_id, state.region_id) = (given.site_id, given.region_id)
    AND slot_at >= (SELECT raw_from_at FROM sitemon.watermark)
    AND NOT EXISTS (
        SELECT
        FROM sitemon.result
        WHERE result.site_id = state.site_id
            AND result.region_id = state.region_id
            AND result.kind NOT IN ('adhoc', 'confirm')
            AND result.slot_at <= now() + '1 minute'::interval
    );

-- name: find_seen
-- What was seen last of sites, since when it is so, and what was before that, all by their rows: settle_states finds the
-- rest. Of a state that began before the rows that are kept, the beginning stays; of which none is kept, all.
UPDATE sitemon.current_state AS state SET
    slot_at = '-infinity',
    seen_slot_at = found.slot_at,
    seen_since_at = found.since_at,
    seen_outcome = found.outcome,
    other_slot_at = found.other_slot_at,
    gap_from_at = NULL,
    gap_until_at = NULL
FROM (
    SELECT
        site_id,
        region_id,
        seen.slot_at,
        seen.outcome,
        other.slot_at AS other_slot_at,
        CASE
            WHEN other.slot_at IS NULL AND seen.outcome = seen_outcome AND seen_since_at < raw_from_at THEN seen_since_at
            ELSE first.slot_at
        END AS since_at
    FROM unnest(%(site_ids)s::integer[], %(region_ids)s::integer[]) AS given (site_id, region_id)
    JOIN sitemon.current_state AS before USING (site_id, region_id)
    CROSS JOIN sitemon.watermark
    CROSS JOIN LATERAL (
        SELECT
        FROM sitemon.result
        WHERE result.site_id = before.site_id
            AND result.region_id = before.region_id
            AND result.kind NOT IN ('adhoc', 'confirm')
            AND result.slot_at <= now() + '1 minute'::interval
        LIMIT 1
    ) AS kept
    LEFT JOIN LATERAL (
        SELECT slot_at, kind, outcome
        FROM sitemon.result
        WHERE result.site_id = before.site_id
            AND result.region_id = before.region_id
            AND result.kind NOT IN ('adhoc', 'confirm')
            AND result.outcome <> 'missed'
            AND result.slot_at <= now() + '1 minute'::interval
        ORDER BY result.slot_at DESC, result.kind DESC
        LIMIT 1
    ) AS seen ON true
    LEFT JOIN LATERAL (
        SELECT slot_at, kind
        FROM sitemon.result
        WHERE result.site_id = before.site_id
            AND result.region_id = before.region_id
            AND result.kind NOT IN ('adhoc', 'confirm')
            AND result.outcome NOT IN ('missed', seen.outcome)
            AND result.slot_at <= seen.slot_at
        ORDER BY result.slot_at DESC, result.kind DESC
        LIMIT 1
    ) AS other ON true
    LEFT JOIN LATERAL (
        SELECT slot_at
        FROM sitemon.result
        WHERE result.site_id = before.site_id
            AND result.region_id = before.region_id
            AND result.kind NOT IN ('adhoc', 'confirm')
            AND result.outcome <> 'missed'
            AND result.slot_at >= coalesce(other.slot_at, '-infinity')
            AND result.slot_at <= seen.slot_at
            AND (other.slot_at IS NULL OR (result.slot_at, result.kind) > (other.slot_at, other.kind))
        ORDER BY result.slot_at, result.kind
        LIMIT 1
    ) AS first ON true
) AS found
WHERE (state.site_id, state.region_id) = (found.site_id, found.region_id);
