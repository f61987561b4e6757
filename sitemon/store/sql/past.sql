-- name: knows_a_site
SELECT EXISTS (SELECT FROM sitemon.site);

-- name: mark
UPDATE sitemon.watermark SET made_up_until_at = %(until)s;

-- name: add_hours
INSERT INTO sitemon.count_hour (hour_at, site_id, region_id, up, degraded, down, missed, maintenance)
SELECT at, site_id, region_id, up, degraded, down, missed, maintenance
FROM unnest(
    %(sites)s::text[], %(at)s::timestamptz[], %(up)s::integer[], %(degraded)s::integer[], %(down)s::integer[],
    %(missed)s::integer[], %(maintenance)s::integer[]
) AS given (site, at, up, degraded, down, missed, maintenance)
JOIN sitemon.site ON site.name = given.site
JOIN sitemon.region ON region.name = %(region)s;

-- name: add_days
INSERT INTO sitemon.count_day (day, site_id, region_id, up, degraded, down, missed, maintenance)
SELECT sitemon.day_of(at), site_id, region_id, up, degraded, down, missed, maintenance
FROM unnest(
    %(sites)s::text[], %(at)s::timestamptz[], %(up)s::integer[], %(degraded)s::integer[], %(down)s::integer[],
    %(missed)s::integer[], %(maintenance)s::integer[]
) AS given (site, at, up, degraded, down, missed, maintenance)
JOIN sitemon.site ON site.name = given.site
JOIN sitemon.region ON region.name = %(region)s;

-- name: add_latency_hours
INSERT INTO sitemon.latency_hour (hour_at, site_id, region_id, bucket, checks)
SELECT at, site_id, region_id, sitemon.latency_bucket(latency_s) AS bucket, sum(checks)
FROM unnest(%(sites)s::text[], %(at)s::timestamptz[], %(latencies_s)s::real[], %(checks)s::integer[])
    AS given (site, at, latency_s, checks)
JOIN sitemon.site ON site.name = given.site
JOIN sitemon.region ON region.name = %(region)s
GROUP BY at, site_id, region_id, bucket;

-- name: add_latency_days
INSERT INTO sitemon.latency_day (day, site_id, region_id, bucket, checks)
SELECT sitemon.day_of(at), site_id, region_id, sitemon.latency_bucket(latency_s) AS bucket, sum(checks)
FROM unnest(%(sites)s::text[], %(at)s::timestamptz[], %(latencies_s)s::real[], %(checks)s::integer[])
    AS given (site, at, latency_s, checks)
JOIN sitemon.site ON site.name = given.site
JOIN sitemon.region ON region.name = %(region)s
GROUP BY at, site_id, region_id, bucket;

-- name: add_incidents
INSERT INTO sitemon.incident (
    site_id, started_at, ended_at, opened_by_at, closed_by_at, regions, reason, http_code, error, decided_at,
    acknowledged_at, acknowledged_by
)
SELECT
    site_id, started_at, ended_at, opened_by, ended_at, ARRAY[%(region)s], reason, http_code, error, decided_at,
    CASE WHEN acknowledged_by IS NOT NULL THEN decided_at + (ended_at - decided_at) / 4 END, acknowledged_by
FROM unnest(
    %(started_at)s::timestamptz[], %(site)s::text[], %(ended_at)s::timestamptz[], %(opened_by)s::timestamptz[],
    %(decided_at)s::timestamptz[], %(reason)s::text[], %(http_code)s::smallint[], %(error)s::text[],
    %(acknowledged_by)s::text[]
) AS given (started_at, site, ended_at, opened_by, decided_at, reason, http_code, error, acknowledged_by)
JOIN sitemon.site ON site.name = given.site
ORDER BY started_at;

-- name: decide_nothing
-- What was written was decided: alerters begin with what comes after it.
DELETE FROM sitemon.undecided;
