-- Only the views that sitemon_reader may read.

-- name: freshness
SELECT closed_at, made_up_until_at FROM sitemon.freshness;

-- name: watches
-- As text: nearly all are as they were a moment ago, and need not be read again. Instead of a long URL, and of long labels,
-- their digests stand beside it: many sites and regions may have the same, and they are read by themselves.
SELECT
    json_build_array(
        site,
        region,
        coalesce(short_url, ''),
        state,
        state_since,
        seen_at,
        reason,
        http_code,
        latency_s,
        interval_s,
        coalesce(short_labels, '{}'),
        is_region_offline
    )::text,
    url_digest,
    labels_digest
FROM sitemon.site_status
WHERE NOT is_ended;

-- name: long_texts
-- What these digests are of, as JSON; of a URL its beginning. Only of one row of each it is fetched.
SELECT digest, to_json(left(url, 2048) || CASE WHEN length(left(url, 2049)) > 2048 THEN '…' ELSE '' END)::text
FROM (
    SELECT DISTINCT ON (url_digest) url_digest AS digest, url
    FROM sitemon.site_status
    JOIN unnest(%(digests)s::text[]) AS wanted ON wanted = url_digest
    WHERE NOT is_ended
) AS long_url
UNION ALL
SELECT digest, labels::text
FROM (
    SELECT DISTINCT ON (labels_digest) labels_digest AS digest, labels
    FROM sitemon.site_status
    JOIN unnest(%(digests)s::text[]) AS wanted ON wanted = labels_digest
    WHERE NOT is_ended
) AS long_labels;

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
