-- name: take_time
-- An hour of very many sites takes longer to count than a batch takes to write.
SET statement_timeout = '15min';

-- name: forget_hours
DELETE FROM sitemon.count_hour WHERE hour_at >= %(from_at)s AND hour_at < %(until_at)s;
DELETE FROM sitemon.latency_hour WHERE hour_at >= %(from_at)s AND hour_at < %(until_at)s;

-- name: forget_days
DELETE FROM sitemon.count_day WHERE day >= %(from_day)s AND day < %(until_day)s;
DELETE FROM sitemon.latency_day WHERE day >= %(from_day)s AND day < %(until_day)s;

-- name: next_sites
SELECT site_id FROM sitemon.site WHERE site_id > %(after)s ORDER BY site_id LIMIT %(sites)s;

-- name: away_hours_of_sites
SELECT site_id, region_id, 0, closed_ms / 3600000 + 1
FROM unnest(%(site_ids)s::integer[]) AS given (site_id)
CROSS JOIN sitemon.region
CROSS JOIN sitemon.account;

-- name: forget_states
-- States of slots that have no row. Those whose rows are no longer kept stay as they are.
DELETE FROM sitemon.current_state AS state
WHERE site_id = ANY (%(site_ids)s)
    AND slot_at >= (SELECT raw_from_at FROM sitemon.watermark)
    AND NOT EXISTS (
        SELECT
        FROM sitemon.result
        WHERE result.site_id = state.site_id
            AND result.region_id = state.region_id
            AND result.kind NOT IN ('adhoc', 'confirm')
    );

-- name: make_states
-- Of sites in regions that have results and no state: one to be settled, as merge_results makes it.
INSERT INTO sitemon.current_state (
    slot_at, since_at, checked_at, site_id, region_id, target_id, kind, outcome
)
SELECT '-infinity', 'infinity', checked_at, newest.site_id, newest.region_id, target_id, kind, outcome
FROM sitemon.site
CROSS JOIN sitemon.region
CROSS JOIN LATERAL (
    SELECT checked_at, site_id, region_id, target_id, kind, outcome
    FROM sitemon.result
    WHERE result.site_id = site.site_id
        AND result.region_id = region.region_id
        AND result.kind NOT IN ('adhoc', 'confirm')
    ORDER BY result.slot_at DESC
    LIMIT 1
) AS newest
WHERE site.site_id = ANY (%(site_ids)s)
ORDER BY newest.site_id, newest.region_id
ON CONFLICT DO NOTHING;

-- name: lock_states
-- A recorder that has a result of one of these waits until they are settled, as for another recorder.
SELECT site_id, region_id
FROM sitemon.current_state
WHERE site_id = ANY (%(site_ids)s)
ORDER BY site_id, region_id
FOR UPDATE;
