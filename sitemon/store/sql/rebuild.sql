-- name: take_time
-- An hour of very many sites takes longer to count than a batch takes to write.
SET statement_timeout = '15min';

-- name: forget_hours
DELETE FROM sitemon.count_hour WHERE hour_at >= %(from_at)s AND hour_at < %(until_at)s;
DELETE FROM sitemon.latency_hour WHERE hour_at >= %(from_at)s AND hour_at < %(until_at)s;

-- name: forget_days
DELETE FROM sitemon.count_day WHERE day >= %(from_day)s AND day < %(until_day)s;
DELETE FROM sitemon.latency_day WHERE day >= %(from_day)s AND day < %(until_day)s;

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
