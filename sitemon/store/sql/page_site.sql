-- One site. Only the views that sitemon_reader may read.

-- name: raw_parts
-- Percentiles from the results themselves: there are few enough of them. Those and the means of phases are of checks that
-- took place and count.
SELECT
    floor(extract(epoch FROM slot_at - %(first)s::timestamptz) / %(bin_s)s)::integer AS bin,
    count(*) FILTER (WHERE counts_as = 'up'),
    count(*) FILTER (WHERE counts_as = 'degraded'),
    count(*) FILTER (WHERE counts_as = 'down'),
    count(*) FILTER (WHERE counts_as = 'missed'),
    count(*) FILTER (WHERE counts_as = 'maintenance'),
    array_agg(sitemon.latency_bucket(latency_s)) FILTER (WHERE is_seen AND latency_s IS NOT NULL),
    percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY latency_s) FILTER (WHERE is_seen),
    avg(dns_s) FILTER (WHERE is_seen),
    avg(connect_s) FILTER (WHERE is_seen),
    avg(tls_s) FILTER (WHERE is_seen),
    avg(first_byte_s) FILTER (WHERE is_seen),
    avg(download_s) FILTER (WHERE is_seen)
FROM (
    SELECT *, counts_as IN ('up', 'degraded', 'down') AS is_seen
    FROM (
        -- OFFSET 0, so that it is found out once for each row.
        SELECT slot_at, counts_as, latency_s, dns_s, connect_s, tls_s, first_byte_s, download_s
        FROM sitemon.results
        WHERE site = %(site)s AND slot_at >= %(first)s AND slot_at < %(until)s AND kind NOT IN ('adhoc', 'confirm')
        OFFSET 0
    ) AS placed
) AS found
GROUP BY bin;

-- name: hour_counts
SELECT
    floor(extract(epoch FROM hour_at - %(first)s::timestamptz) / %(bin_s)s)::integer AS bin,
    sum(up)::bigint,
    sum(degraded)::bigint,
    sum(down)::bigint,
    sum(missed)::bigint,
    sum(maintenance)::bigint
FROM sitemon.uptime_hourly
WHERE site = %(site)s AND hour_at >= %(first)s AND hour_at < %(until)s
GROUP BY bin;

-- name: hour_latencies
SELECT bin, buckets, checks, p50_s, p95_s, p99_s
FROM (
    SELECT bin, array_agg(bucket) AS buckets, array_agg(checks) AS checks
    FROM (
        SELECT
            floor(extract(epoch FROM hour_at - %(first)s::timestamptz) / %(bin_s)s)::integer AS bin,
            bucket,
            sum(checks)::bigint AS checks
        FROM sitemon.latency_hourly
        WHERE site = %(site)s AND hour_at >= %(first)s AND hour_at < %(until)s
        GROUP BY bin, bucket
    ) AS summed
    GROUP BY bin
) AS histogram
CROSS JOIN LATERAL sitemon.percentiles_s(buckets, checks);

-- name: day_counts
SELECT
    floor((day - %(first)s::date) * 86400 / %(bin_s)s)::integer AS bin,
    sum(up)::bigint,
    sum(degraded)::bigint,
    sum(down)::bigint,
    sum(missed)::bigint,
    sum(maintenance)::bigint
FROM sitemon.uptime_daily
WHERE site = %(site)s AND day >= %(first)s::date AND day <= %(until)s::date
GROUP BY bin;

-- name: day_latencies
SELECT bin, buckets, checks, p50_s, p95_s, p99_s
FROM (
    SELECT bin, array_agg(bucket) AS buckets, array_agg(checks) AS checks
    FROM (
        SELECT
            floor((day - %(first)s::date) * 86400 / %(bin_s)s)::integer AS bin,
            bucket,
            sum(checks)::bigint AS checks
        FROM sitemon.latency_daily
        WHERE site = %(site)s AND day >= %(first)s::date AND day <= %(until)s::date
        GROUP BY bin, bucket
    ) AS summed
    GROUP BY bin
) AS histogram
CROSS JOIN LATERAL sitemon.percentiles_s(buckets, checks);

-- name: raw_before
SELECT 1
FROM sitemon.results
WHERE site = %(site)s AND slot_at < %(first)s AND kind NOT IN ('adhoc', 'confirm')
LIMIT 1;

-- name: hour_before
SELECT 1
FROM sitemon.uptime_hourly
WHERE site = %(site)s AND hour_at < %(first)s
LIMIT 1;

-- name: day_before
SELECT 1
FROM sitemon.uptime_daily
WHERE site = %(site)s AND day < %(first)s::date
LIMIT 1;

-- name: phases
-- The mean of each phase, of checks that took place and count.
SELECT
    floor(extract(epoch FROM slot_at - %(first)s::timestamptz) / %(bin_s)s)::integer AS bin,
    avg(dns_s),
    avg(connect_s),
    avg(tls_s),
    avg(first_byte_s),
    avg(download_s)
FROM sitemon.results
WHERE site = %(site)s
    AND slot_at >= %(first)s
    AND slot_at < %(until)s
    AND kind NOT IN ('adhoc', 'confirm')
    AND counts_as IN ('up', 'degraded', 'down')
GROUP BY bin;

-- name: incidents
-- The newest first, but for those that were withdrawn: they follow one another, in the order of index incident_by_end.
SELECT
    incident_id,
    site,
    started_at,
    ended_at,
    regions,
    reason,
    http_code,
    error,
    decided_at,
    withdrawn_at,
    acknowledged_at,
    acknowledged_by,
    behind
FROM sitemon.incidents
WHERE site_id = (SELECT site_id FROM sitemon.sites WHERE site = %(site)s) AND withdrawn_at IS NULL
ORDER BY ended_at DESC
LIMIT %(most)s;

-- name: newest
-- Of each region the newest result at which somebody looked, and the newest certificate. Nobody reads a longer match.
SELECT DISTINCT ON (region)
    region,
    slot_at,
    outcome,
    reason,
    http_code,
    latency_s,
    ip,
    http_version,
    redirects,
    body_bytes,
    left(match, 500) || CASE WHEN length(match) > 500 THEN '…' ELSE '' END,
    is_match_found,
    error,
    first_value(cert_expires_at) OVER (PARTITION BY region ORDER BY cert_expires_at IS NULL, slot_at DESC)
FROM sitemon.results
WHERE site = %(site)s AND slot_at >= %(since)s AND kind NOT IN ('adhoc', 'confirm') AND outcome <> 'missed'
ORDER BY region, slot_at DESC;

-- name: chains
-- Of each region the newest so many, the newest first.
SELECT region, first_at, last_at, array_agg(subject ORDER BY place), array_agg(issuer ORDER BY place),
    array_agg(begins_at ORDER BY place), array_agg(expires_at ORDER BY place)
FROM (
    SELECT certificates.*, dense_rank() OVER (PARTITION BY region ORDER BY last_at DESC, first_at DESC, chain) AS age
    FROM sitemon.certificates
    WHERE site = %(site)s
) AS aged
WHERE age <= %(most)s
GROUP BY region, chain, first_at, last_at
ORDER BY last_at DESC, first_at DESC;
