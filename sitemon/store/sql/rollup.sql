-- name: watermarks
-- Up to where hours and days are rolled up, and since when there are rows.
SELECT hours_until_at, days_until, raw_from_at FROM sitemon.watermark;

-- name: roll_up_alone
-- Until its transaction ends, one session rolls up. Others do not wait for it: they record meanwhile.
SELECT pg_try_advisory_xact_lock(hashtextextended('sitemon.roll_up', 0));

-- name: next_watermarks
-- The next quarter of an hour, or the next day when there is nothing in it; as far as it is settled. What the account has
-- not come to is not: rows that are derived later would move hours and days one by one. Of days whose rows may be dropped
-- none are derived, however long the account stands still.
SELECT hours_until_at, sitemon.day_of(hours_until_at)
FROM (
    SELECT
        least(
            date_bin(
                '15 minutes',
                greatest(least(%(now)s::timestamptz, closed_at) - %(settle)s::interval, raw_from_at),
                '1970-01-01Z'
            ),
            date_bin('15 minutes', %(hours_until_at)s::timestamptz, '1970-01-01Z')
            + CASE WHEN is_empty THEN '1 day'::interval ELSE '15 minutes'::interval END
        ) AS hours_until_at
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
    ) AS day
) AS next;

-- name: roll_up_counts
INSERT INTO sitemon.count_hour AS hour (site_id, region_id, hour_at, up, degraded, down, missed, maintenance)
SELECT site_id, region_id, hour_at, sum(up), sum(degraded), sum(down), sum(missed), sum(maintenance)
FROM sitemon.counted_result
WHERE slot_at >= %(from_at)s AND slot_at < %(until_at)s
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
WHERE slot_at >= %(from_at)s AND slot_at < %(until_at)s AND bucket IS NOT NULL
GROUP BY 1, 2, 3, 4
ORDER BY 3, 1, 2, 4
ON CONFLICT (site_id, region_id, hour_at, bucket) DO UPDATE SET checks = hour.checks + excluded.checks;

-- name: sum_days
-- Hours of these days are all in count_hour: the watermark of hours lies after them.
INSERT INTO sitemon.count_day (site_id, region_id, day, up, degraded, down, missed, maintenance)
SELECT
    site_id, region_id, sitemon.day_of(hour_at), sum(up), sum(degraded), sum(down), sum(missed), sum(maintenance)
FROM sitemon.count_hour
WHERE hour_at >= %(from_day)s::timestamp AT TIME ZONE 'UTC' AND hour_at < %(until_day)s::timestamp AT TIME ZONE 'UTC'
GROUP BY 1, 2, 3
ORDER BY 3, 1, 2;

-- name: sum_latency_days
INSERT INTO sitemon.latency_day (site_id, region_id, day, bucket, checks)
SELECT site_id, region_id, sitemon.day_of(hour_at), bucket, sum(checks)
FROM sitemon.latency_hour
WHERE hour_at >= %(from_day)s::timestamp AT TIME ZONE 'UTC' AND hour_at < %(until_day)s::timestamp AT TIME ZONE 'UTC'
GROUP BY 1, 2, 3, 4
ORDER BY 3, 1, 2, 4;

-- name: move_watermarks
UPDATE sitemon.watermark SET hours_until_at = %(hours_until_at)s, days_until = greatest(days_until, %(days_until)s);

-- name: recent_is_due
-- Until it ends, this transaction alone makes uptime_recent anew: who finds that somebody is at it does not wait.
SELECT hours_until_at, pg_try_advisory_xact_lock(hashtextextended('sitemon.uptime_recent', 0))
FROM sitemon.watermark
WHERE recent_until_at < hours_until_at;

-- name: refresh_recent
-- Concurrently, so that nobody who reads has to wait. Of very many sites that takes longer than a batch may.
SET LOCAL statement_timeout = '15min';
REFRESH MATERIALIZED VIEW CONCURRENTLY sitemon.kept_recent;

-- name: recent_is_done
-- After the refresh: the row's lock would hold up, for as long as that takes, who rolls up and lets nobody write.
UPDATE sitemon.watermark SET recent_until_at = %(hours_until_at)s;

-- name: make_recent_due
-- The next maintenance makes uptime_recent anew.
UPDATE sitemon.watermark SET recent_until_at = '-infinity';
