-- name: next_watermarks
-- No row when they are there already.
SELECT hours_until_at, days_until
FROM (
    SELECT
        date_bin('15 minutes', %(settled_at)s::timestamptz, '1970-01-01Z') AS hours_until_at,
        sitemon.day_of(%(settled_at)s::timestamptz) AS days_until
) AS next
WHERE hours_until_at > (SELECT hours_until_at FROM sitemon.watermark);

-- name: roll_up_counts
INSERT INTO sitemon.count_hour AS hour (site_id, region_id, hour_at, up, degraded, down, missed)
SELECT
    site_id,
    region_id,
    sitemon.hour_of(slot_at),
    count(*) FILTER (WHERE outcome = 'up'),
    count(*) FILTER (WHERE outcome = 'degraded'),
    count(*) FILTER (WHERE outcome = 'down'),
    count(*) FILTER (WHERE outcome = 'missed')
FROM sitemon.open_result
WHERE slot_at < %(hours_until_at)s
GROUP BY 1, 2, 3
ORDER BY 3, 1, 2
ON CONFLICT (site_id, region_id, hour_at) DO UPDATE SET
    up = hour.up + excluded.up,
    degraded = hour.degraded + excluded.degraded,
    down = hour.down + excluded.down,
    missed = hour.missed + excluded.missed;

-- name: roll_up_latencies
INSERT INTO sitemon.latency_hour AS hour (site_id, region_id, hour_at, bucket, checks)
SELECT site_id, region_id, sitemon.hour_of(slot_at), sitemon.latency_bucket(latency_s), count(*)
FROM sitemon.open_result
WHERE slot_at < %(hours_until_at)s AND outcome <> 'missed' AND latency_s IS NOT NULL
GROUP BY 1, 2, 3, 4
ORDER BY 3, 1, 2, 4
ON CONFLICT (site_id, region_id, hour_at, bucket) DO UPDATE SET checks = hour.checks + excluded.checks;

-- name: sum_days
-- Hours of these days are all in count_hour now: the watermark of hours lies after them.
INSERT INTO sitemon.count_day (site_id, region_id, day, up, degraded, down, missed)
SELECT site_id, region_id, sitemon.day_of(hour_at), sum(up), sum(degraded), sum(down), sum(missed)
FROM sitemon.count_hour
WHERE hour_at >= (SELECT days_until::timestamp AT TIME ZONE 'UTC' FROM sitemon.watermark)
    AND hour_at < %(days_until)s::timestamp AT TIME ZONE 'UTC'
GROUP BY 1, 2, 3
ORDER BY 3, 1, 2;

-- name: sum_latency_days
INSERT INTO sitemon.latency_day (site_id, region_id, day, bucket, checks)
SELECT site_id, region_id, sitemon.day_of(hour_at), bucket, sum(checks)
FROM sitemon.latency_hour
WHERE hour_at >= (SELECT days_until::timestamp AT TIME ZONE 'UTC' FROM sitemon.watermark)
    AND hour_at < %(days_until)s::timestamp AT TIME ZONE 'UTC'
GROUP BY 1, 2, 3, 4
ORDER BY 3, 1, 2, 4;

-- name: move_watermarks
UPDATE sitemon.watermark SET hours_until_at = %(hours_until_at)s, days_until = greatest(days_until, %(days_until)s);
