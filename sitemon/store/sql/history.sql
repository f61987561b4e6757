-- name: results
-- Of one site, newest first; what comes after a row: an older slot, or another region or kind of the same slot.
SELECT
    site,
    url,
    region,
    kind,
    slot_at,
    checked_at,
    outcome,
    reason,
    http_code,
    latency_s,
    dns_s,
    connect_s,
    tls_s,
    first_byte_s,
    download_s,
    match,
    is_match_found,
    ip,
    http_version,
    redirects,
    body_bytes,
    cert_expires_at,
    error,
    excerpt,
    counts_as
FROM sitemon.results
WHERE site = %(site)s
    AND slot_at >= %(from)s
    AND slot_at < %(until)s
    AND (slot_at < %(after_at)s OR (region, kind) > (%(after_region)s, %(after_kind)s))
    AND (%(region)s::text IS NULL OR region = %(region)s)
    AND (%(kind)s::text IS NULL OR kind = %(kind)s)
    AND (%(outcome)s::text IS NULL OR outcome = %(outcome)s)
ORDER BY slot_at DESC, region, kind
LIMIT %(most)s;

-- name: uptime_hourly
SELECT site, region, hour_at, up, degraded, down, missed, maintenance, uptime_low, uptime_high, coverage, p50_s, p95_s, p99_s
FROM sitemon.uptime_hourly
WHERE site = %(site)s
    AND hour_at >= %(from)s
    AND hour_at < %(until)s
    AND hour_at <= %(after_at)s
    AND (hour_at < %(after_at)s OR region > %(after_region)s)
    AND (%(region)s::text IS NULL OR region = %(region)s)
ORDER BY hour_at DESC, region
LIMIT %(most)s;

-- name: uptime_daily
SELECT site, region, day, up, degraded, down, missed, maintenance, uptime_low, uptime_high, coverage, p50_s, p95_s, p99_s
FROM sitemon.uptime_daily
WHERE site = %(site)s
    AND day >= %(from)s
    AND day < %(until)s
    AND day <= %(after_at)s
    AND (day < %(after_at)s OR region > %(after_region)s)
    AND (%(region)s::text IS NULL OR region = %(region)s)
ORDER BY day DESC, region
LIMIT %(most)s;

-- name: latency_hourly
-- The histogram of each as a list of buckets and how many checks fell into them.
SELECT
    %(site)s AS site,
    histogram.region,
    histogram.hour_at,
    sum(histogram.checks)::bigint AS checks,
    sitemon.percentile_s(array_agg(bucket), array_agg(histogram.checks), 0.5) AS p50_s,
    sitemon.percentile_s(array_agg(bucket), array_agg(histogram.checks), 0.95) AS p95_s,
    sitemon.percentile_s(array_agg(bucket), array_agg(histogram.checks), 0.99) AS p99_s,
    jsonb_agg(jsonb_build_object('bucket', bucket, 'checks', histogram.checks) ORDER BY bucket) AS histogram
FROM (
    SELECT region, hour_at, bucket, sum(checks)::bigint AS checks
    FROM sitemon.latency_hourly
    WHERE site = %(site)s
        AND hour_at >= %(from)s
        AND hour_at < %(until)s
        AND hour_at <= %(after_at)s
        AND (hour_at < %(after_at)s OR region > %(after_region)s)
        AND (%(region)s::text IS NULL OR region = %(region)s)
    GROUP BY region, hour_at, bucket
) AS histogram
GROUP BY histogram.region, histogram.hour_at
ORDER BY histogram.hour_at DESC, histogram.region
LIMIT %(most)s;

-- name: latency_daily
-- The histogram of each as a list of buckets and how many checks fell into them.
SELECT
    %(site)s AS site,
    histogram.region,
    histogram.day,
    sum(histogram.checks)::bigint AS checks,
    sitemon.percentile_s(array_agg(bucket), array_agg(histogram.checks), 0.5) AS p50_s,
    sitemon.percentile_s(array_agg(bucket), array_agg(histogram.checks), 0.95) AS p95_s,
    sitemon.percentile_s(array_agg(bucket), array_agg(histogram.checks), 0.99) AS p99_s,
    jsonb_agg(jsonb_build_object('bucket', bucket, 'checks', histogram.checks) ORDER BY bucket) AS histogram
FROM (
    SELECT region, day, bucket, sum(checks)::bigint AS checks
    FROM sitemon.latency_daily
    WHERE site = %(site)s
        AND day >= %(from)s
        AND day < %(until)s
        AND day <= %(after_at)s
        AND (day < %(after_at)s OR region > %(after_region)s)
        AND (%(region)s::text IS NULL OR region = %(region)s)
    GROUP BY region, day, bucket
) AS histogram
GROUP BY histogram.region, histogram.day
ORDER BY histogram.day DESC, histogram.region
LIMIT %(most)s;

-- name: latency_bounds
SELECT sitemon.latency_bounds_s() AS bounds_s;

-- name: uptime_recent
-- All days that there are, by which the index begins.
SELECT site, region, days, up, degraded, down, missed, maintenance, uptime_low, uptime_high, coverage, as_of
FROM sitemon.uptime_recent
WHERE days IN (1, 7, 30, 90) AND site = %(site)s
ORDER BY days, region;

-- name: uptime_of_days
-- Over all regions, what was missed counted as down; null where nothing was counted.
SELECT (sum(up + degraded) / nullif(sum(up + degraded + down + missed), 0))::double precision
FROM sitemon.uptime_recent
WHERE days = %(days)s AND site = %(site)s;

-- name: ledger
-- All sums, and beside them one page of the hours.
WITH ledger AS MATERIALIZED (
    SELECT site, region, hour_at, expected, "real", told, derived, lost, unaccounted, unexpected
    FROM sitemon.ledger_between(%(from)s, %(until)s)
    WHERE %(site)s::text IS NULL OR site = %(site)s
)
SELECT totals.*, page.*
FROM (
    SELECT
        coalesce(sum(expected), 0)::bigint AS sum_expected,
        coalesce(sum("real"), 0)::bigint AS sum_real,
        coalesce(sum(told), 0)::bigint AS sum_told,
        coalesce(sum(derived), 0)::bigint AS sum_derived,
        coalesce(sum(lost), 0)::bigint AS sum_lost,
        coalesce(sum(unaccounted), 0)::bigint AS sum_unaccounted,
        coalesce(sum(unexpected), 0)::bigint AS sum_unexpected
    FROM ledger
) AS totals
LEFT JOIN (
    SELECT site, region, hour_at, expected, "real", told, derived, lost, unaccounted, unexpected
    FROM ledger
    WHERE hour_at <= %(after_at)s
        AND (hour_at < %(after_at)s OR (site, region) > (%(after_site)s, %(after_region)s))
        AND (NOT %(uneven)s OR unaccounted <> 0 OR unexpected <> 0)
    ORDER BY hour_at DESC, site, region
    LIMIT %(most)s
) AS page ON true
ORDER BY page.hour_at DESC, page.site, page.region;
