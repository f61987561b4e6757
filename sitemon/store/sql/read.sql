-- name: status
-- The sparkline reads the end of each site's primary key; a site without results in the last day has none.
SELECT
    status.site,
    status.region,
    status.url,
    status.outcome,
    status.since_at,
    status.slot_at,
    status.checked_at,
    status.reason,
    status.http_code,
    status.latency_s,
    status.state,
    status.state_since,
    status.seen_at,
    (
        SELECT array_agg(latency_s ORDER BY slot_at)
        FROM (
            SELECT latency_s, slot_at
            FROM sitemon.result
            WHERE result.site_id = site.site_id
                AND result.region_id = region.region_id
                AND result.kind NOT IN ('adhoc', 'confirm')
                AND result.slot_at > %(now)s::timestamptz - '1 day'::interval
            ORDER BY slot_at DESC
            LIMIT %(newest_results)s
        ) AS newest
    ),
    (uptime.up + uptime.degraded)::double precision / uptime.total,
    (uptime.up + uptime.degraded + uptime.missed)::double precision / uptime.total,
    (uptime.total - uptime.missed)::double precision / uptime.total,
    status.is_region_offline
FROM sitemon.site_status AS status
JOIN sitemon.site ON site.name = status.site
JOIN sitemon.region ON region.name = status.region
LEFT JOIN (
    SELECT
        site_id,
        region_id,
        sum(up) AS up,
        sum(degraded) AS degraded,
        sum(missed) AS missed,
        sum(up + degraded + down + missed) AS total
    FROM sitemon.counted_hour
    WHERE hour_at > %(now)s::timestamptz - '1 day'::interval
    GROUP BY site_id, region_id
    HAVING sum(up + degraded + down + missed) > 0
) AS uptime ON uptime.site_id = site.site_id AND uptime.region_id = region.region_id
WHERE NOT status.is_ended
ORDER BY
    array_position(ARRAY['down', 'unknown', 'degraded', 'maintenance', 'up'], status.state),
    status.site,
    status.region;

-- name: count_results
-- Of those that somebody found.
SELECT count(*)
FROM sitemon.result
WHERE slot_at >= (SELECT coalesce(made_up_until_at, '-infinity') FROM sitemon.watermark);

-- name: ledger
SELECT site, region, hour_at, expected, "real", told, derived, lost, unaccounted, unexpected
FROM sitemon.ledger_between(%(from)s, %(until)s)
ORDER BY hour_at, site, region;

-- name: closed_at
SELECT sitemon.from_ms(closed_ms) FROM sitemon.account;

-- name: first_due
-- When the account has to be closed beyond the first slot that counts for it; null: no beat has told of a site.
SELECT sitemon.from_ms(min(greatest(stretch.from_ms, account.from_ms) + patience_ms))
FROM sitemon.schedule_stretch AS stretch
CROSS JOIN sitemon.account
WHERE until_ms > account.from_ms;

-- name: count_problems
-- How many results that were made did not arrive, and how many rows nobody made.
SELECT
    greatest(0, (vouched - base_vouched) - (arrived - base_arrived)),
    greatest(0, (recorded - base_recorded) - (made - base_made))
FROM sitemon.account;

-- name: rows_of_the_dead
-- Publishers that were killed since the counts began did not say what they made in their last seconds: the rows of results
-- whose checks began shortly before that or soon after.
WITH dead AS (
    SELECT
        range_agg(
            tstzrange(
                sitemon.from_ms(up_to_ms) - '2 minutes'::interval, sitemon.from_ms(up_to_ms) + '35 seconds'::interval
            )
        ) AS last_seconds
    FROM sitemon.publisher
    CROSS JOIN sitemon.account
    WHERE NOT is_last AND up_to_ms > base_ms - 60000 AND up_to_ms < counted_ms
)
SELECT count(*)
FROM sitemon.result
CROSS JOIN dead
WHERE kind = 'scheduled'
    AND NOT is_derived
    AND slot_at > (SELECT lower(last_seconds) FROM dead) - '1 hour'::interval
    AND slot_at < (SELECT upper(last_seconds) FROM dead) + '1 minute'::interval
    AND checked_at <@ last_seconds;
