-- name: known_sites
SELECT DISTINCT site FROM sitemon.site_status;

-- name: seen_regions
-- From where a site is watched, and how often.
SELECT region, interval_s FROM sitemon.site_status WHERE site = %(site)s ORDER BY is_ended, region;

-- name: bins_of_results
SELECT
    date_bin(%(bin)s, slot_at, %(from_at)s) AS bin_at,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY latency_s) FILTER (WHERE counts_as IN ('up', 'degraded', 'down')),
    percentile_cont(0.95) WITHIN GROUP (ORDER BY latency_s) FILTER (WHERE counts_as IN ('up', 'degraded', 'down')),
    count(*) FILTER (WHERE counts_as = 'missed'),
    count(*)
FROM (
    -- OFFSET 0, so that it is found out once for each row.
    SELECT slot_at, latency_s, counts_as
    FROM sitemon.results
    WHERE site = %(site)s
        AND region = ANY (%(regions)s::text[])
        AND kind NOT IN ('adhoc', 'confirm')
        AND slot_at >= %(from_at)s
        AND slot_at < %(until_at)s
    OFFSET 0
) AS counted
GROUP BY bin_at;

-- name: bins_of_hours
SELECT bin_at, p50_s, p95_s, missed, total
FROM (
    SELECT
        date_bin(%(bin)s, hour_at, %(from_at)s) AS bin_at,
        sum(missed)::bigint AS missed,
        sum(up + degraded + down + missed + maintenance)::bigint AS total
    FROM sitemon.uptime_hourly
    WHERE site = %(site)s AND region = ANY (%(regions)s::text[]) AND hour_at >= %(from_at)s AND hour_at < %(until_at)s
    GROUP BY bin_at
) AS counted
LEFT JOIN (
    SELECT date_bin(%(bin)s, hour_at, %(from_at)s) AS bin_at, array_agg(bucket) AS buckets, array_agg(checks) AS checks
    FROM sitemon.latency_hourly
    WHERE site = %(site)s AND region = ANY (%(regions)s::text[]) AND hour_at >= %(from_at)s AND hour_at < %(until_at)s
    GROUP BY bin_at
) AS latency USING (bin_at)
CROSS JOIN LATERAL sitemon.percentiles_s(buckets, checks);

-- name: incidents_of_site
SELECT started_at, ended_at
FROM sitemon.incidents
WHERE site = %(site)s
    AND withdrawn_at IS NULL
    AND started_at < %(until_at)s
    AND (ended_at IS NULL OR ended_at > %(from_at)s)
ORDER BY started_at;
