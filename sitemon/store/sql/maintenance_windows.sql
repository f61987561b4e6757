-- name: take_turn
-- Of a session: nobody else declares windows, or ends them, until it ends its turn or itself, as where it is frozen.
SELECT pg_try_advisory_lock(hashtextextended('sitemon.maintenance_windows', 0))
FROM set_config('idle_session_timeout', '30s', false);

-- name: end_turn
SELECT pg_advisory_unlock(hashtextextended('sitemon.maintenance_windows', 0))
FROM set_config('idle_session_timeout', '0', false);

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
-- Of all its sites, or of some of them.
SELECT site_id, from_at, until_at
FROM sitemon.maintenance_window
WHERE maintenance_id = %(number)s AND (%(site_ids)s::integer[] IS NULL OR site_id = ANY (%(site_ids)s))
ORDER BY site_id;

-- name: is_far_ahead
SELECT %(until_at)s > now() + %(farthest)s;

-- name: crowded
-- One of these sites that has so many windows which somebody declared and which are not over.
SELECT site_id
FROM unnest(%(site_ids)s::integer[]) AS given (site_id)
CROSS JOIN LATERAL (
    SELECT
    FROM sitemon.maintenance_window AS known
    WHERE known.site_id = given.site_id AND until_at > now() AND from_at < until_at AND NOT is_configured
    OFFSET %(most)s - 1
    LIMIT 1
) AS last
LIMIT 1;

-- name: end_windows
-- One that never begins leaves the time that lies ahead, where it would be read again and again.
UPDATE sitemon.maintenance_window AS maintenance SET until_at = given.from_at, stopped_at = now()
FROM unnest(%(site_ids)s::integer[], %(from_at)s::timestamptz[]) AS given (site_id, from_at)
WHERE maintenance.maintenance_id = %(number)s AND maintenance.site_id = given.site_id;
UPDATE sitemon.maintenance_window SET from_at = now(), until_at = now()
WHERE maintenance_id = %(number)s AND site_id = ANY (%(site_ids)s) AND from_at = until_at AND from_at > now();

-- name: forget_old
-- Stretches in which there are no rows any more; windows a year later: people ask why hours are counted so.
DELETE FROM sitemon.maintenance_stretch
WHERE site_id = ANY (%(site_ids)s) AND from_at < %(raw_from_at)s AND until_at <= %(raw_from_at)s;
DELETE FROM sitemon.maintenance_window
WHERE site_id = ANY (%(site_ids)s) AND until_at < %(raw_from_at)s::timestamptz - '1 year'::interval;

-- name: renew_stretches
-- Of each site what its windows come to between the first change and the last. A stretch that reaches in keeps what lies
-- outside of that; all others stay as they are, however many lie before or ahead.
WITH change AS (
    SELECT site_id, min(from_at) AS from_at, max(until_at) AS until_at
    FROM unnest(%(site_ids)s::integer[], %(from_at)s::timestamptz[], %(until_at)s::timestamptz[])
        AS given (site_id, from_at, until_at)
    GROUP BY site_id
), near AS (
    -- Those that begin or end there, and the last one before.
    SELECT
        change.site_id,
        known.from_at,
        tstzrange(known.from_at, known.until_at) * tstzrange(NULL, change.from_at) AS before,
        tstzrange(known.from_at, known.until_at) * tstzrange(change.until_at, NULL) AS after
    FROM change
    CROSS JOIN LATERAL (
        SELECT from_at, until_at
        FROM sitemon.maintenance_stretch AS stretch
        WHERE stretch.site_id = change.site_id
            AND stretch.from_at <= change.until_at
            AND stretch.from_at >= coalesce(
                (
                    SELECT max(from_at)
                    FROM sitemon.maintenance_stretch AS last
                    WHERE last.site_id = change.site_id AND last.from_at < change.from_at
                ),
                change.from_at
            )
        OFFSET 0 -- by the index of sites, whatever the statistics
    ) AS known
), renewed AS (
    SELECT site_id, lower(merged) AS from_at, upper(merged) AS until_at
    FROM (
        SELECT site_id, unnest(range_agg(part)) AS merged
        FROM (
            SELECT site_id, before AS part FROM near
            UNION ALL
            SELECT site_id, after FROM near
            UNION ALL
            SELECT change.site_id, touched.part
            FROM change
            CROSS JOIN LATERAL (
                SELECT tstzrange(from_at, until_at) * tstzrange(change.from_at, change.until_at) AS part
                FROM sitemon.maintenance_window AS maintenance
                WHERE maintenance.site_id = change.site_id
                    AND maintenance.until_at > change.from_at
                    AND maintenance.from_at < change.until_at
                OFFSET 0
            ) AS touched
        ) AS parts
        GROUP BY site_id
    ) AS pieces
), gone AS (
    DELETE FROM sitemon.maintenance_stretch AS stretch
    USING near
    WHERE (stretch.site_id, stretch.from_at) = (near.site_id, near.from_at)
        AND NOT EXISTS (
            SELECT FROM renewed WHERE (renewed.site_id, renewed.from_at) = (near.site_id, near.from_at)
        )
)
INSERT INTO sitemon.maintenance_stretch AS stretch (site_id, from_at, until_at)
SELECT site_id, from_at, until_at FROM renewed
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
ORDER BY
    bool_or(is_configured),
    greatest(min(from_at), now()),
    min(from_at) DESC,
    maintenance_id DESC
LIMIT %(most)s;
