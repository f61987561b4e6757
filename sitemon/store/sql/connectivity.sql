-- name: offline
SELECT region FROM sitemon.region_outage WHERE until_at IS NULL;

-- name: newest_outages
SELECT newest.*
FROM unnest(%(regions)s::text[]) AS given (region)
CROSS JOIN LATERAL (
    SELECT region, from_at, until_at
    FROM sitemon.region_outage AS outage
    WHERE outage.region = given.region
    ORDER BY from_at DESC
    LIMIT 1
) AS newest;

-- name: outages
-- Of these regions those that may cover slots since these moments: as none overlap, of those before the one that began last.
SELECT outage.region, outage.from_at, outage.until_at
FROM unnest(%(regions)s::text[], %(since_at)s::timestamptz[]) AS given (region, since_at)
JOIN sitemon.region_outage AS outage
    ON outage.region = given.region
    AND outage.from_at >= coalesce(
        (
            SELECT max(before.from_at)
            FROM sitemon.region_outage AS before
            WHERE before.region = given.region AND before.from_at <= given.since_at
        ),
        given.since_at
    );

-- name: seen
-- Of each site that the region has looked at within a while before its newest result: its host, its newest result, since
-- when it is so, and whether it failed for a reason of the network. An address that may not be visited was not looked at.
WITH newest AS MATERIALIZED (
    SELECT state.region_id, max(state.slot_at) AS slot_at
    FROM sitemon.current_state AS state
    JOIN sitemon.region ON region.region_id = state.region_id AND region.name = %(region)s
    WHERE state.outcome <> 'missed'
    GROUP BY state.region_id
)
SELECT
    substring(target.url FROM '^[^:]+://([^/]*)'),
    state.slot_at,
    state.since_at,
    coalesce(state.outcome = 'down' AND reason.name = ANY (%(reasons)s), false)
FROM newest
JOIN sitemon.current_state AS state
    ON state.region_id = newest.region_id
    AND state.slot_at > newest.slot_at - %(within)s
    AND state.outcome <> 'missed'
JOIN sitemon.target ON target.target_id = state.target_id
LEFT JOIN sitemon.reason ON reason.reason_id = state.reason_id
WHERE reason.name IS DISTINCT FROM 'blocked_address';

-- name: scheduled_first
-- Regions that are in the schedule, or were. Each is looked up after the one before it: there may be millions of stretches.
WITH RECURSIVE scheduled AS (
    SELECT min(region_id) AS region_id FROM sitemon.schedule_stretch
    UNION ALL
    SELECT (SELECT min(region_id) FROM sitemon.schedule_stretch AS stretch WHERE stretch.region_id > scheduled.region_id)
    FROM scheduled
    WHERE region_id IS NOT NULL
)
SELECT name
FROM (SELECT region_id FROM scheduled WHERE region_id IS NOT NULL LIMIT %(most)s) AS first
JOIN sitemon.region USING (region_id);

-- name: cut
-- How many sites began to fail for a reason of the network within a while before a region's newest result, in regions where
-- some did. All regions at once: each look reads the states of all sites.
WITH newest AS MATERIALIZED (
    SELECT state.region_id, region.name, max(state.slot_at) AS slot_at
    FROM sitemon.current_state AS state
    JOIN sitemon.region ON region.region_id = state.region_id AND region.name = ANY (%(regions)s)
    WHERE state.outcome <> 'missed'
    GROUP BY state.region_id, region.name
)
SELECT newest.name, count(*)
FROM newest
JOIN sitemon.current_state AS state
    ON state.region_id = newest.region_id
    AND state.since_at > newest.slot_at - %(within)s
    AND state.outcome = 'down'
JOIN sitemon.reason ON reason.reason_id = state.reason_id AND reason.name = ANY (%(reasons)s)
GROUP BY newest.name;

-- name: references
-- What lies ahead says nothing of now. As ad-hoc checks are in no state, nobody else has left it out.
SELECT DISTINCT ON (result.site_id)
    result.slot_at,
    coalesce(result.outcome = 'down' AND reason.name = ANY (%(reasons)s), false)
FROM sitemon.result
JOIN sitemon.site ON site.site_id = result.site_id AND site.name = ANY (%(names)s)
JOIN sitemon.region ON region.region_id = result.region_id AND region.name = %(region)s
LEFT JOIN sitemon.reason ON reason.reason_id = result.reason_id
WHERE result.kind = 'adhoc'
    AND result.slot_at >= %(since)s
    AND result.slot_at <= now() + '1 minute'::interval
    AND result.outcome <> 'missed'
    AND reason.name IS DISTINCT FROM 'blocked_address'
ORDER BY result.site_id, result.slot_at DESC;

-- name: last_failing_reference
SELECT max(result.slot_at)
FROM sitemon.result
JOIN sitemon.site ON site.site_id = result.site_id AND site.name = ANY (%(names)s)
JOIN sitemon.region ON region.region_id = result.region_id AND region.name = %(region)s
JOIN sitemon.reason ON reason.reason_id = result.reason_id AND reason.name = ANY (%(reasons)s)
WHERE result.kind = 'adhoc'
    AND result.slot_at >= %(since)s
    AND result.slot_at <= now() + '1 minute'::interval
    AND result.outcome = 'down';

-- name: begin_outage
INSERT INTO sitemon.region_outage (region, from_at) VALUES (%(region)s, %(from_at)s)
ON CONFLICT DO NOTHING
RETURNING region;

-- name: end_outage
UPDATE sitemon.region_outage SET until_at = %(until_at)s
WHERE region = %(region)s AND until_at IS NULL AND from_at < %(until_at)s
RETURNING region;

-- name: move_unreached
-- What the region could not reach from a slot on counts as missed from now on (`sign` 1), or as down again (-1), in hours and
-- days that are rolled up; its latencies do not count while it is missed.
WITH unreached AS (
    SELECT
        result.site_id,
        result.region_id,
        sitemon.hour_of(result.slot_at) AS hour_at,
        sitemon.latency_bucket(latency_s) AS bucket,
        %(sign)s * count(*) AS checks
    FROM sitemon.result
    JOIN sitemon.region ON region.region_id = result.region_id AND region.name = %(region)s
    JOIN sitemon.reason ON reason.reason_id = result.reason_id AND reason.is_network
    WHERE result.slot_at >= %(from_at)s
        AND result.slot_at < (SELECT hours_until_at FROM sitemon.watermark)
        AND result.outcome = 'down'
        AND result.kind NOT IN ('adhoc', 'confirm')
        AND (
            SELECT result.slot_at < stretch.until_at
            FROM sitemon.maintenance_stretch AS stretch
            WHERE stretch.site_id = result.site_id AND stretch.from_at <= result.slot_at
            ORDER BY stretch.from_at DESC
            LIMIT 1
        ) IS NOT TRUE
    GROUP BY 1, 2, 3, 4
), move_hours AS (
    UPDATE sitemon.count_hour AS hour SET down = hour.down - moved.checks, missed = hour.missed + moved.checks
    FROM (SELECT site_id, region_id, hour_at, sum(checks) AS checks FROM unreached GROUP BY 1, 2, 3) AS moved
    WHERE (hour.site_id, hour.region_id, hour.hour_at) = (moved.site_id, moved.region_id, moved.hour_at)
), move_days AS (
    UPDATE sitemon.count_day AS daily SET down = daily.down - moved.checks, missed = daily.missed + moved.checks
    FROM (
        SELECT site_id, region_id, sitemon.day_of(hour_at) AS day, sum(checks) AS checks FROM unreached GROUP BY 1, 2, 3
    ) AS moved
    WHERE (daily.site_id, daily.region_id, daily.day) = (moved.site_id, moved.region_id, moved.day)
), move_latencies AS (
    INSERT INTO sitemon.latency_hour AS hour (site_id, region_id, hour_at, bucket, checks)
    SELECT site_id, region_id, hour_at, bucket, -checks FROM unreached WHERE bucket IS NOT NULL
    ON CONFLICT (site_id, region_id, hour_at, bucket) DO UPDATE SET checks = hour.checks + excluded.checks
), move_latency_days AS (
    INSERT INTO sitemon.latency_day AS daily (site_id, region_id, day, bucket, checks)
    SELECT site_id, region_id, sitemon.day_of(hour_at), bucket, -sum(checks)
    FROM unreached
    WHERE bucket IS NOT NULL
        AND (sitemon.day_of(hour_at), site_id, region_id)
        <= (SELECT days_until, day_site_id, day_region_id FROM sitemon.watermark)
    GROUP BY 1, 2, 3, 4
    ON CONFLICT (site_id, region_id, day, bucket) DO UPDATE SET checks = daily.checks + excluded.checks
)
SELECT count(*) > 0 FROM unreached;

-- name: forget_empty
DELETE FROM sitemon.latency_hour WHERE hour_at >= sitemon.hour_of(%(from_at)s) AND checks = 0;
DELETE FROM sitemon.latency_day WHERE day >= sitemon.day_of(%(from_at)s) AND checks = 0;

-- name: decide_anew
-- Sites of which the region saw something new since.
INSERT INTO sitemon.undecided (site_id, from_at)
SELECT site_id, %(from_at)s
FROM sitemon.current_state
JOIN sitemon.region USING (region_id)
WHERE region.name = %(region)s AND slot_at >= %(from_at)s AND (outcome = 'down' OR since_at >= %(from_at)s);
