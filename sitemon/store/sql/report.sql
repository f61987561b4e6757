-- The figures of a report, from the public views alone. Days are numbered from 1 on: `starts_at` holds the beginning of
-- each. The queries of one pair differ in the view that they read: days of UTC, or hours of any other days.

-- name: begin_report
-- All of each answer is read, though in pieces.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;
SET LOCAL cursor_tuple_fraction = 1;

-- name: report_sites
SELECT site, labels::text
FROM (
    SELECT DISTINCT ON (site) site, labels FROM sitemon.site_status ORDER BY site, is_ended, region
) AS status;

-- name: counts_by_days
SELECT
    site,
    width_bucket(day::timestamp AT TIME ZONE 'UTC', %(starts_at)s::timestamptz[]) AS day,
    sum(up)::bigint,
    sum(degraded)::bigint,
    sum(down)::bigint,
    sum(missed)::bigint,
    sum(maintenance)::bigint
FROM sitemon.uptime_daily
WHERE day >= (%(from_at)s AT TIME ZONE 'UTC')::date AND day < (%(until_at)s AT TIME ZONE 'UTC')::date
GROUP BY 1, 2
ORDER BY 1, 2;

-- name: counts_by_hours
SELECT
    site,
    width_bucket(hour_at, %(starts_at)s::timestamptz[]) AS day,
    sum(up)::bigint,
    sum(degraded)::bigint,
    sum(down)::bigint,
    sum(missed)::bigint,
    sum(maintenance)::bigint
FROM sitemon.uptime_hourly
WHERE hour_at >= %(from_at)s AND hour_at < %(until_at)s
GROUP BY 1, 2
ORDER BY 1, 2;

-- name: latencies_by_days
SELECT site, array_agg(bucket), array_agg(checks)
FROM (
    SELECT site, bucket, sum(checks)::bigint AS checks
    FROM sitemon.latency_daily
    WHERE day >= (%(from_at)s AT TIME ZONE 'UTC')::date AND day < (%(until_at)s AT TIME ZONE 'UTC')::date
    GROUP BY site, bucket
) AS histogram
GROUP BY site;

-- name: latencies_by_hours
SELECT site, array_agg(bucket), array_agg(checks)
FROM (
    SELECT site, bucket, sum(checks)::bigint AS checks
    FROM sitemon.latency_hourly
    WHERE hour_at >= %(from_at)s AND hour_at < %(until_at)s
    GROUP BY site, bucket
) AS histogram
GROUP BY site;

-- name: group_latencies_by_days
SELECT
    number,
    width_bucket(day::timestamp AT TIME ZONE 'UTC', %(starts_at)s::timestamptz[]) AS day,
    bucket,
    sum(checks)::bigint
FROM sitemon.latency_daily
JOIN unnest(%(sites)s::text[], %(numbers)s::integer[]) AS member (site, number) USING (site)
WHERE day >= (%(from_at)s AT TIME ZONE 'UTC')::date AND day < (%(until_at)s AT TIME ZONE 'UTC')::date
GROUP BY 1, 2, 3;

-- name: group_latencies_by_hours
SELECT
    number,
    width_bucket(hour_at, %(starts_at)s::timestamptz[]) AS day,
    bucket,
    sum(checks)::bigint
FROM sitemon.latency_hourly
JOIN unnest(%(sites)s::text[], %(numbers)s::integer[]) AS member (site, number) USING (site)
WHERE hour_at >= %(from_at)s AND hour_at < %(until_at)s
GROUP BY 1, 2, 3;

-- name: incident_sums
SELECT
    site,
    count(*) AS incidents,
    count(*) FILTER (WHERE ended_at IS NULL) AS open,
    sum(date_part('epoch', greatest(least(ended_at, %(until_at)s, %(now)s) - greatest(started_at, %(from_at)s), '0'))),
    sum(date_part('epoch', decided_at - started_at)),
    coalesce(sum(date_part('epoch', ended_at - started_at)), 0)
FROM sitemon.incidents
WHERE withdrawn_at IS NULL AND started_at < %(until_at)s AND (ended_at IS NULL OR ended_at > %(from_at)s)
GROUP BY site;

-- name: newest_incidents
SELECT incident_id, site, started_at, ended_at, decided_at, regions, reason, http_code
FROM sitemon.incidents
WHERE withdrawn_at IS NULL AND started_at < %(until_at)s AND (ended_at IS NULL OR ended_at > %(from_at)s)
ORDER BY started_at DESC, incident_id DESC
LIMIT %(most)s;
