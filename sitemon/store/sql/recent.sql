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
            AND day < (SELECT days_until FROM sitemon.watermark)
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
