-- name: roll_up_alone
-- Until its transaction ends, one session rolls up. Others do not wait for it: they record meanwhile.
SELECT pg_try_advisory_xact_lock(hashtextextended('sitemon.roll_up', 0));

-- name: next_hours
-- The next quarter of an hour, or the next day when there is nothing in it; as far as it is settled. What the account has
-- not come to is not: rows that are derived later would move hours and days one by one. Of days whose rows may be dropped
-- none are derived, however long the account stands still.
SELECT
    least(
        date_bin(
            '15 minutes',
            greatest(least(%(now)s::timestamptz, closed_at) - %(settle)s::interval, raw_from_at),
            '1970-01-01Z'
        ),
        date_bin('15 minutes', %(hours_until_at)s::timestamptz, '1970-01-01Z')
        + CASE WHEN is_empty THEN '1 day'::interval ELSE '15 minutes'::interval END
    )
FROM (
    SELECT
        sitemon.from_ms(closed_ms) AS closed_at,
        raw_from_at,
        NOT EXISTS (
            SELECT
            FROM sitemon.result
            WHERE slot_at >= %(hours_until_at)s AND slot_at < %(hours_until_at)s + '1 day'::interval
        ) AS is_empty
    FROM sitemon.account
    CROSS JOIN sitemon.watermark
) AS day;

-- name: some_of_it
-- Where so many results of a stretch end, by the second; its end where there are not more. In one second there may be.
SELECT
    coalesce(
        CASE
            WHEN min(second_at) > %(from_at)s THEN min(second_at)
            ELSE least(min(second_at) + '1 second'::interval, %(until_at)s)
        END,
        %(until_at)s
    )
FROM (
    SELECT second_at, sum(count(*)) OVER (ORDER BY second_at) AS results
    FROM (
        SELECT date_bin('1 second', slot_at, '1970-01-01Z') AS second_at
        FROM sitemon.result
        WHERE slot_at >= %(from_at)s AND slot_at < %(until_at)s
    ) AS result
    GROUP BY second_at
) AS by_second
WHERE results > %(most)s;

-- name: roll_up_counts
INSERT INTO sitemon.count_hour AS hour (site_id, region_id, hour_at, up, degraded, down, missed, maintenance)
SELECT site_id, region_id, hour_at, sum(up), sum(degraded), sum(down), sum(missed), sum(maintenance)
FROM sitemon.counted_result
WHERE slot_at >= %(from_at)s
    AND slot_at < %(until_at)s
    AND (site_id, region_id) > (%(after_site_id)s, %(after_region_id)s)
    AND (site_id, region_id) <= (%(last_site_id)s, %(last_region_id)s)
GROUP BY 1, 2, 3
ORDER BY 3, 1, 2
ON CONFLICT (site_id, region_id, hour_at) DO UPDATE SET
    up = hour.up + excluded.up,
    degraded = hour.degraded + excluded.degraded,
    down = hour.down + excluded.down,
    missed = hour.missed + excluded.missed,
    maintenance = hour.maintenance + excluded.maintenance;

-- name: roll_up_latencies
INSERT INTO sitemon.latency_hour AS hour (site_id, region_id, hour_at, bucket, checks)
SELECT site_id, region_id, hour_at, bucket, count(*)
FROM sitemon.counted_result
WHERE slot_at >= %(from_at)s
    AND slot_at < %(until_at)s
    AND bucket IS NOT NULL
    AND (site_id, region_id) > (%(after_site_id)s, %(after_region_id)s)
    AND (site_id, region_id) <= (%(last_site_id)s, %(last_region_id)s)
GROUP BY 1, 2, 3, 4
ORDER BY 3, 1, 2, 4
ON CONFLICT (site_id, region_id, hour_at, bucket) DO UPDATE SET checks = hour.checks + excluded.checks;

-- name: sum_days
-- Hours of these days are all there: the watermark of hours lies after them. Latencies are looked up site by site, since
-- those of a range of sites are among the hours of a whole month. A site without counts has none.
WITH daily AS (
    INSERT INTO sitemon.count_day (site_id, region_id, day, up, degraded, down, missed, maintenance)
    SELECT
        site_id, region_id, sitemon.day_of(hour_at), sum(up), sum(degraded), sum(down), sum(missed), sum(maintenance)
    FROM sitemon.count_hour
    WHERE hour_at >= %(from_day)s::timestamp AT TIME ZONE 'UTC'
        AND hour_at < %(until_day)s::timestamp AT TIME ZONE 'UTC'
        AND (site_id, region_id) > (%(after_site_id)s, %(after_region_id)s)
        AND (site_id, region_id) <= (%(last_site_id)s, %(last_region_id)s)
    GROUP BY 1, 2, 3
    ORDER BY 3, 1, 2
    RETURNING site_id, region_id, day
)
INSERT INTO sitemon.latency_day (site_id, region_id, day, bucket, checks)
SELECT daily.site_id, daily.region_id, daily.day, bucket, checks
FROM daily
CROSS JOIN LATERAL (
    SELECT bucket, sum(checks) AS checks
    FROM sitemon.latency_hour AS hour
    WHERE hour.site_id = daily.site_id
        AND hour.region_id = daily.region_id
        AND hour_at >= daily.day::timestamp AT TIME ZONE 'UTC'
        AND hour_at < (daily.day + 1)::timestamp AT TIME ZONE 'UTC'
    GROUP BY bucket
) AS hour;

-- name: move_hours
UPDATE sitemon.watermark SET hours_until_at = %(hours_until_at)s;

-- name: move_day
UPDATE sitemon.watermark SET day_site_id = %(site_id)s, day_region_id = %(region_id)s;

-- name: day_is_done
UPDATE sitemon.watermark SET days_until = days_until + 1, day_site_id = 0, day_region_id = 0;
