-- Only the views that sitemon_reader may read.

-- name: freshness
SELECT closed_at, made_up_until_at FROM sitemon.freshness;

-- name: watches
-- As text: nearly all are as they were a moment ago, and need not be read again. A long URL, and long labels, are left out
-- of it, and their digests stand beside it: many sites and regions may have the same, and they are read by themselves.
SELECT
    json_build_array(
        site,
        region,
        CASE WHEN long.url IS NULL THEN status.url ELSE '' END,
        state,
        state_since,
        seen_at,
        reason,
        http_code,
        latency_s,
        interval_s,
        CASE WHEN long.labels IS NULL THEN status.labels ELSE '{}' END,
        is_region_offline
    )::text,
    long.url,
    long.labels
FROM sitemon.site_status AS status
CROSS JOIN LATERAL (
    SELECT
        CASE WHEN octet_length(status.url) > 500
            THEN encode(sha256(convert_to(left(status.url, 2049), 'UTF8')), 'hex')
        END AS url,
        CASE WHEN octet_length(status.labels::text) > 500
            THEN encode(sha256(convert_to(status.labels::text, 'UTF8')), 'hex')
        END AS labels
    -- Once a row, however often they are named above.
    OFFSET 0
) AS long
WHERE NOT is_ended;

-- name: long_texts
-- What these digests are of, as JSON; of a URL its beginning.
SELECT DISTINCT ON (digest) digest, said
FROM (
    SELECT
        encode(sha256(convert_to(left(url, 2049), 'UTF8')), 'hex') AS digest,
        to_json(left(url, 2048) || CASE WHEN length(left(url, 2049)) > 2048 THEN '…' ELSE '' END)::text AS said
    FROM sitemon.site_status
    WHERE NOT is_ended AND octet_length(url) > 500
    UNION ALL
    SELECT encode(sha256(convert_to(labels::text, 'UTF8')), 'hex'), labels::text
    FROM sitemon.site_status
    WHERE NOT is_ended AND octet_length(labels::text) > 500
) AS long
JOIN unnest(%(digests)s::text[]) AS digest USING (digest);

-- name: days
-- Of each site its days with anything due, as arrays: a row for each day of many sites takes long to read.
SELECT
    site,
    array_agg(day - %(first)s::date),
    array_agg(up),
    array_agg(degraded),
    array_agg(down),
    array_agg(missed),
    array_agg(maintenance)
FROM (
    SELECT
        site,
        day,
        sum(up)::integer AS up,
        sum(degraded)::integer AS degraded,
        sum(down)::integer AS down,
        sum(missed)::integer AS missed,
        sum(maintenance)::integer AS maintenance
    FROM sitemon.uptime_daily
    WHERE site = ANY(%(sites)s) AND day >= %(first)s::date AND day < %(first)s::date + %(days)s::integer
    GROUP BY site, day
) AS counted
GROUP BY site;

-- name: trends
-- Of each site its hours with a latency, and the mean of their buckets.
SELECT site, array_agg(hour), array_agg(mean_bucket)
FROM (
    SELECT
        site,
        (extract(epoch FROM hour_at - %(first)s::timestamptz) / 3600)::integer AS hour,
        sum(bucket * checks)::double precision / sum(checks) AS mean_bucket
    FROM sitemon.latency_hourly
    WHERE site = ANY(%(sites)s) AND hour_at >= %(first)s AND hour_at < %(first)s::timestamptz + %(hours)s * '1 hour'::interval
    GROUP BY site, hour_at
) AS hourly
GROUP BY site;
