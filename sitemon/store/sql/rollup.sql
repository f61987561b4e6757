-- name: watermarks
-- Up to where hours and days are rolled up, and since when there are rows.
SELECT hours_until_at, days_until, raw_from_at FROM sitemon.watermark;

-- name: roll_up_alone
-- Until its transaction ends, one session rolls up. Others do not wait for it: they record meanwhile.
SELECT pg_try_advisory_xact_lock(hashtextextended('sitemon.roll_up', 0));

-- name: bound
-- Until `unbound` no statement takes longer.
SELECT set_config('statement_timeout', %(step_ms)s, false);

-- name: unbound
RESET statement_timeout;

-- name: next_place
-- A site in a region so many rows after another one, of tables of which one has a row of each that has anything, and of that
-- of the sites: up to there there are not more.
SELECT site_id, region_id
FROM (
    (
        SELECT site_id, region_id
        FROM sitemon.current_state
        WHERE (site_id, region_id) > (%(site_id)s, %(region_id)s)
        ORDER BY site_id, region_id
        LIMIT %(most)s
    )
    UNION ALL
    (
        SELECT site_id, region_id
        FROM sitemon.schedule_stretch
        WHERE (site_id, region_id) > (%(site_id)s, %(region_id)s)
        ORDER BY site_id, region_id
        LIMIT %(most)s
    )
    UNION ALL
    (
        SELECT site_id, region_id
        FROM sitemon.away_hour
        WHERE (site_id, region_id) > (%(site_id)s, %(region_id)s)
        ORDER BY site_id, region_id
        LIMIT %(most)s
    )
    UNION ALL
    (
        SELECT site_id, 2147483647 -- behind all its regions
        FROM sitemon.site
        WHERE site_id >= %(site_id)s AND (site_id, 2147483647) > (%(site_id)s, %(region_id)s)
        ORDER BY site_id
        LIMIT %(most)s
    )
) AS place
ORDER BY site_id, region_id
OFFSET %(most)s - 1
LIMIT 1;

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
-- Hours of these days are all in count_hour: the watermark of hours lies after them.
INSERT INTO sitemon.count_day (site_id, region_id, day, up, degraded, down, missed, maintenance)
SELECT
    site_id, region_id, sitemon.day_of(hour_at), sum(up), sum(degraded), sum(down), sum(missed), sum(maintenance)
FROM sitemon.count_hour
WHERE hour_at >= %(from_day)s::timestamp AT TIME ZONE 'UTC'
    AND hour_at < %(until_day)s::timestamp AT TIME ZONE 'UTC'
    AND (site_id, region_id) > (%(after_site_id)s, %(after_region_id)s)
    AND (site_id, region_id) <= (%(last_site_id)s, %(last_region_id)s)
GROUP BY 1, 2, 3
ORDER BY 3, 1, 2;

-- name: sum_latency_days
INSERT INTO sitemon.latency_day (site_id, region_id, day, bucket, checks)
SELECT site_id, region_id, sitemon.day_of(hour_at), bucket, sum(checks)
FROM sitemon.latency_hour
WHERE hour_at >= %(from_day)s::timestamp AT TIME ZONE 'UTC'
    AND hour_at < %(until_day)s::timestamp AT TIME ZONE 'UTC'
    AND (site_id, region_id) > (%(after_site_id)s, %(after_region_id)s)
    AND (site_id, region_id) <= (%(last_site_id)s, %(last_region_id)s)
GROUP BY 1, 2, 3, 4
ORDER BY 3, 1, 2, 4;

-- name: move_hours
UPDATE sitemon.watermark SET hours_until_at = %(hours_until_at)s;

-- name: move_days
UPDATE sitemon.watermark SET days_until = %(days_until)s;

-- name: recent_alone
-- Until it ends, this transaction alone sums the last days: who finds that somebody is at it does not wait.
SELECT pg_try_advisory_xact_lock(hashtextextended('sitemon.uptime_recent', 0));

-- name: recent_is_due
-- Where they are not summed up to what is rolled up: after which site in which region they are to be summed next.
SELECT recent_site_id, recent_region_id FROM sitemon.watermark WHERE recent_until_at < hours_until_at;

-- name: begin_recent
UPDATE sitemon.watermark SET recent_next_at = hours_until_at
WHERE recent_until_at < hours_until_at AND recent_site_id = 0 AND recent_region_id = 0;

-- name: sum_recent
-- What is rolled up of the last days, and what was missed without a row. What is as it was is not written.
WITH counted AS (
    SELECT
        site_id,
        region_id,
        days,
        sum(up)::bigint AS up,
        sum(degraded)::bigint AS degraded,
        sum(down)::bigint AS down,
        sum(missed)::bigint AS missed,
        sum(maintenance)::bigint AS maintenance
    FROM (
        SELECT site_id, region_id, day, up, degraded, down, missed, maintenance
        FROM sitemon.count_day
        WHERE day > sitemon.day_of(now()) - 90
            AND (site_id, region_id) > (%(after_site_id)s, %(after_region_id)s)
            AND (site_id, region_id) <= (%(last_site_id)s, %(last_region_id)s)
        UNION ALL
        SELECT site_id, region_id, sitemon.day_of(hour_at), up, degraded, down, missed, maintenance
        FROM sitemon.count_hour
        WHERE hour_at >= (SELECT days_until::timestamp AT TIME ZONE 'UTC' FROM sitemon.watermark)
            AND (site_id, region_id) > (%(after_site_id)s, %(after_region_id)s)
            AND (site_id, region_id) <= (%(last_site_id)s, %(last_region_id)s)
        UNION ALL
        SELECT site_id, region_id, sitemon.day_of(hour_at), 0, 0, 0, missed, 0
        FROM sitemon.away_hour
        WHERE hour_at > now() - '91 days'::interval
            AND (site_id, region_id) > (%(after_site_id)s, %(after_region_id)s)
            AND (site_id, region_id) <= (%(last_site_id)s, %(last_region_id)s)
    ) AS part
    JOIN unnest(ARRAY[1, 7, 30, 90]) AS days ON day > sitemon.day_of(now()) - days
    GROUP BY site_id, region_id, days
    HAVING sum(up + degraded + down + missed + maintenance) > 0
), forget AS (
    DELETE FROM sitemon.kept_recent AS kept
    WHERE (site_id, region_id) > (%(after_site_id)s, %(after_region_id)s)
        AND (site_id, region_id) <= (%(last_site_id)s, %(last_region_id)s)
        AND NOT EXISTS (
            SELECT
            FROM counted
            WHERE (counted.site_id, counted.region_id, counted.days) = (kept.site_id, kept.region_id, kept.days)
        )
)
INSERT INTO sitemon.kept_recent AS kept (
    site_id, region_id, days, up, degraded, down, missed, maintenance, uptime_low, uptime_high, coverage, site, region
)
SELECT
    site_id, region_id, days, up, degraded, down, missed, maintenance, uptime_low, uptime_high, coverage, site, region
FROM counted
JOIN (SELECT site_id, name AS site FROM sitemon.site) AS site USING (site_id)
JOIN (SELECT region_id, name AS region FROM sitemon.region) AS region USING (region_id)
CROSS JOIN LATERAL sitemon.uptime_of(up, degraded, down, missed)
ORDER BY site_id, region_id, days
ON CONFLICT (site_id, region_id, days) DO UPDATE SET
    up = excluded.up,
    degraded = excluded.degraded,
    down = excluded.down,
    missed = excluded.missed,
    maintenance = excluded.maintenance,
    uptime_low = excluded.uptime_low,
    uptime_high = excluded.uptime_high,
    coverage = excluded.coverage
WHERE (kept.up, kept.degraded, kept.down, kept.missed, kept.maintenance)
    <> (excluded.up, excluded.degraded, excluded.down, excluded.missed, excluded.maintenance);

-- name: move_recent
UPDATE sitemon.watermark SET recent_site_id = %(site_id)s, recent_region_id = %(region_id)s;

-- name: recent_is_done
UPDATE sitemon.watermark SET recent_until_at = recent_next_at, recent_site_id = 0, recent_region_id = 0;

-- name: make_recent_due
-- The next maintenance sums the last days anew, also of sites of which it was done already by who is at it.
UPDATE sitemon.watermark SET recent_until_at = '-infinity', recent_next_at = '-infinity';
