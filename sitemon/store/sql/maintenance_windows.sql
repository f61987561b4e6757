-- name: take_turn
-- Of a session: nobody else declares windows, or ends them, until it ends its turn or itself.
SELECT pg_try_advisory_lock(hashtextextended('sitemon.maintenance_windows', 0));

-- name: end_turn
SELECT pg_advisory_unlock(hashtextextended('sitemon.maintenance_windows', 0));

-- name: sites_of_names
SELECT site_id, name FROM sitemon.site WHERE name = ANY (%(names)s::text[]);

-- name: sites_of_labels
-- Those that are in the schedule now.
SELECT DISTINCT site_id, site.name
FROM sitemon.watch
JOIN sitemon.site USING (site_id)
JOIN sitemon.schedule_stretch AS stretch USING (site_id, region_id)
WHERE watch.labels @> %(labels)s::jsonb AND stretch.until_ms = 9223372036854775807;

-- name: next_numbers
SELECT nextval('sitemon.maintenance_number') FROM generate_series(1, %(numbers)s);

-- name: add_windows
INSERT INTO sitemon.maintenance_window (
    maintenance_id, site_id, from_at, until_at, is_configured, reason, declared_by
)
SELECT number, site_id, from_at, until_at, %(is_configured)s, %(reason)s, %(by)s
FROM unnest(
    %(numbers)s::bigint[], %(site_ids)s::integer[], %(from_at)s::timestamptz[], %(until_at)s::timestamptz[]
) AS given (number, site_id, from_at, until_at)
-- The next piece of a window that is declared in pieces.
ON CONFLICT (maintenance_id, site_id) DO UPDATE SET from_at = excluded.from_at;

-- name: windows_of_number
SELECT site_id, from_at, until_at FROM sitemon.maintenance_window WHERE maintenance_id = %(number)s ORDER BY site_id;

-- name: end_windows
UPDATE sitemon.maintenance_window AS maintenance SET until_at = given.from_at, stopped_at = now()
FROM unnest(%(site_ids)s::integer[], %(from_at)s::timestamptz[]) AS given (site_id, from_at)
WHERE maintenance.maintenance_id = %(number)s AND maintenance.site_id = given.site_id;

-- name: forget_stretches
-- Those that begin since the first change, and those in which there are no rows any more.
DELETE FROM sitemon.maintenance_stretch WHERE site_id = ANY (%(site_ids)s) AND from_at >= %(since)s;
DELETE FROM sitemon.maintenance_stretch
WHERE site_id = ANY (%(site_ids)s) AND from_at < %(raw_from_at)s AND until_at <= %(raw_from_at)s;

-- name: add_stretches
-- Of what is since the first change: windows that were over before are not read, however many there were. The stretch
-- that began last before it says what they come to, and goes on if it reaches so far.
INSERT INTO sitemon.maintenance_stretch AS stretch (site_id, from_at, until_at)
SELECT site_id, lower(merged), upper(merged)
FROM (
    SELECT site_id, unnest(range_agg(tstzrange(from_at, until_at))) AS merged
    FROM (
        SELECT site_id, greatest(from_at, %(since)s) AS from_at, until_at
        FROM sitemon.maintenance_window
        WHERE site_id = ANY (%(site_ids)s) AND until_at > %(since)s
        UNION ALL
        SELECT given.site_id, before.from_at, least(before.until_at, %(since)s)
        FROM (SELECT DISTINCT unnest(%(site_ids)s::integer[]) AS site_id) AS given
        CROSS JOIN LATERAL (
            SELECT from_at, until_at
            FROM sitemon.maintenance_stretch AS earlier
            WHERE earlier.site_id = given.site_id AND from_at < %(since)s
            ORDER BY from_at DESC
            LIMIT 1
        ) AS before
    ) AS part
    GROUP BY site_id
) AS renewed
ON CONFLICT (site_id, from_at) DO UPDATE SET until_at = excluded.until_at
WHERE stretch.until_at <> excluded.until_at;

-- name: touched_hours
-- The hours that these stretches touch and that rows were counted into, as far as these are kept, by region. Where there is
-- no count there was no row.
SELECT hour.*
FROM unnest(%(site_ids)s::integer[], %(from_at)s::timestamptz[], %(until_at)s::timestamptz[])
    AS given (site_id, from_at, until_at)
CROSS JOIN sitemon.watermark
CROSS JOIN sitemon.region
JOIN sitemon.count_hour AS hour
    ON hour.site_id = given.site_id
    AND hour.region_id = region.region_id
    AND hour.hour_at >= sitemon.hour_of(greatest(from_at, raw_from_at))
    AND hour.hour_at < until_at

-- name: rows_of_hours
-- How many rows were counted into each hour that is ``touched``, with one for the count of each region.
SELECT site_id, hour_at, sum(1 + up + degraded + down + missed + maintenance)
FROM touched
GROUP BY 1, 2
ORDER BY 1, 2 DESC;

-- name: rolled_up_hours
SELECT DISTINCT site_id, region_id, hour_at FROM touched;

-- name: forget_hours
DELETE FROM sitemon.count_hour AS hour
USING unnest(%(site_ids)s::integer[], %(region_ids)s::integer[], %(hours_at)s::timestamptz[])
    AS given (site_id, region_id, hour_at)
WHERE (hour.site_id, hour.region_id, hour.hour_at) = (given.site_id, given.region_id, given.hour_at);

-- name: count_hours
-- Each hour is looked up by itself: a join would compare all rows of a site with each of its hours.
INSERT INTO sitemon.count_hour (site_id, region_id, hour_at, up, degraded, down, missed, maintenance)
SELECT given.site_id, given.region_id, given.hour_at, up, degraded, down, missed, maintenance
FROM unnest(%(site_ids)s::integer[], %(region_ids)s::integer[], %(hours_at)s::timestamptz[])
    AS given (site_id, region_id, hour_at)
CROSS JOIN LATERAL (
    SELECT
        sum(up) AS up,
        sum(degraded) AS degraded,
        sum(down) AS down,
        sum(missed) AS missed,
        sum(maintenance) AS maintenance
    FROM sitemon.counted_result AS counted
    WHERE counted.site_id = given.site_id
        AND counted.region_id = given.region_id
        AND counted.slot_at >= given.hour_at
        AND counted.slot_at < given.hour_at + '1 hour'::interval
        AND counted.slot_at < %(hours_until_at)s
    HAVING count(*) > 0
) AS counted;

-- name: forget_latency_hours
DELETE FROM sitemon.latency_hour AS hour
USING unnest(%(site_ids)s::integer[], %(region_ids)s::integer[], %(hours_at)s::timestamptz[])
    AS given (site_id, region_id, hour_at)
WHERE (hour.site_id, hour.region_id, hour.hour_at) = (given.site_id, given.region_id, given.hour_at);

-- name: count_latency_hours
INSERT INTO sitemon.latency_hour (site_id, region_id, hour_at, bucket, checks)
SELECT given.site_id, given.region_id, given.hour_at, bucket, checks
FROM unnest(%(site_ids)s::integer[], %(region_ids)s::integer[], %(hours_at)s::timestamptz[])
    AS given (site_id, region_id, hour_at)
CROSS JOIN LATERAL (
    SELECT bucket, count(*) AS checks
    FROM sitemon.counted_result AS counted
    WHERE counted.site_id = given.site_id
        AND counted.region_id = given.region_id
        AND counted.slot_at >= given.hour_at
        AND counted.slot_at < given.hour_at + '1 hour'::interval
        AND counted.slot_at < %(hours_until_at)s
        AND bucket IS NOT NULL
    GROUP BY bucket
) AS counted;

-- name: forget_days
DELETE FROM sitemon.count_day AS daily
USING unnest(%(site_ids)s::integer[], %(region_ids)s::integer[], %(days)s::date[]) AS given (site_id, region_id, day)
WHERE (daily.site_id, daily.region_id, daily.day) = (given.site_id, given.region_id, given.day);

-- name: sum_days
INSERT INTO sitemon.count_day (site_id, region_id, day, up, degraded, down, missed, maintenance)
SELECT
    hour.site_id, hour.region_id, given.day, sum(up), sum(degraded), sum(down), sum(missed), sum(maintenance)
FROM unnest(%(site_ids)s::integer[], %(region_ids)s::integer[], %(days)s::date[]) AS given (site_id, region_id, day)
JOIN sitemon.count_hour AS hour
    ON hour.site_id = given.site_id
    AND hour.region_id = given.region_id
    AND hour.hour_at >= given.day::timestamp AT TIME ZONE 'UTC'
    AND hour.hour_at < (given.day + 1)::timestamp AT TIME ZONE 'UTC'
GROUP BY 1, 2, 3;

-- name: forget_latency_days
DELETE FROM sitemon.latency_day AS daily
USING unnest(%(site_ids)s::integer[], %(region_ids)s::integer[], %(days)s::date[]) AS given (site_id, region_id, day)
WHERE (daily.site_id, daily.region_id, daily.day) = (given.site_id, given.region_id, given.day);

-- name: sum_latency_days
INSERT INTO sitemon.latency_day (site_id, region_id, day, bucket, checks)
SELECT hour.site_id, hour.region_id, given.day, bucket, sum(checks)
FROM unnest(%(site_ids)s::integer[], %(region_ids)s::integer[], %(days)s::date[]) AS given (site_id, region_id, day)
JOIN sitemon.latency_hour AS hour
    ON hour.site_id = given.site_id
    AND hour.region_id = given.region_id
    AND hour.hour_at >= given.day::timestamp AT TIME ZONE 'UTC'
    AND hour.hour_at < (given.day + 1)::timestamp AT TIME ZONE 'UTC'
GROUP BY 1, 2, 3, 4;

-- name: mark
-- Sites that have rows of slots from these moments on. Confirming checks, whose slots follow shortly, are in no state.
INSERT INTO sitemon.undecided (site_id, from_at)
SELECT site_id, min(from_at)
FROM unnest(%(site_ids)s::integer[], %(from_at)s::timestamptz[]) AS given (site_id, from_at)
WHERE EXISTS (
    SELECT
    FROM sitemon.current_state AS state
    WHERE state.site_id = given.site_id AND state.slot_at >= given.from_at - '5 minutes'::interval
)
GROUP BY site_id;

-- name: windows
SELECT
    maintenance_id,
    array_agg(site ORDER BY site),
    min(from_at),
    max(until_at),
    CASE
        WHEN bool_or(state = 'running') THEN 'running'
        WHEN bool_or(state = 'planned') THEN 'planned'
        WHEN bool_or(state = 'over') THEN 'over'
        ELSE 'withdrawn'
    END,
    bool_or(is_configured),
    max(reason),
    max(declared_by),
    min(declared_at)
FROM sitemon.maintenance
WHERE until_at >= %(since)s
GROUP BY maintenance_id
ORDER BY min(from_at) DESC, maintenance_id DESC;
