-- Ninety days as sitemon would have them: sites every 5 minutes, by the hour and by the day, and results of some.

-- name: names
INSERT INTO sitemon.region (name) VALUES ('default');
INSERT INTO sitemon.site (name) SELECT 'site-' || number FROM generate_series(1, %(sites)s) AS number;
INSERT INTO sitemon.target (site_id, url, match)
SELECT site_id, 'https://' || name || '.example/health', 'in stock' FROM sitemon.site ORDER BY site_id;
INSERT INTO sitemon.schedule_event (site_id, region_id, at_ms, from_ms, interval_ms)
SELECT
    site_id, 1, sitemon.to_ms(%(from_at)s), sitemon.to_ms(%(from_at)s) + site_id, 300000
FROM sitemon.site;

-- name: result
INSERT INTO sitemon.{partition} (
    slot_at, checked_at, site_id, region_id, target_id, kind, outcome, body_bytes, latency_s, dns_s, connect_s, tls_s,
    first_byte_s, download_s, reason_id, http_code, redirects, is_match_found, ip, http_version
)
SELECT
    slot_at, slot_at + '41 ms', site_id, 1, site_id, 'scheduled',
    CASE WHEN is_down THEN 'down' ELSE 'up' END::sitemon.outcome, 1256,
    latency_s, 0.001, 0.02, 0.03, latency_s - 0.052, 0.001,
    CASE WHEN is_down THEN 5 END, CASE WHEN is_down THEN 503 ELSE 200 END, 0, true, '192.0.2.1', '1.1'
FROM (
    SELECT
        site_id,
        slot + (site_id - 1) * '300 s'::interval / %(raw_sites)s AS slot_at,
        random() < 0.001 AS is_down,
        -- About a lognormal: most within two buckets of the site's own latency, from 60 ms to 1 s.
        0.06 * 2 ^ (mod(site_id, 17) / 4.0) * exp(0.4 * (random() + random() + random() - 1.5)) AS latency_s
    FROM generate_series(%(first)s, %(end)s - '1 s'::interval, '5 min') AS slot
    CROSS JOIN generate_series(1, %(raw_sites)s) AS site_id
) AS result;

-- name: count_hour
INSERT INTO sitemon.{partition} (hour_at, site_id, region_id, up, degraded, down, missed)
SELECT hour_at, site_id, 1, 12 - is_down, 0, is_down, 0
FROM (
    SELECT hour_at, site_id, (random() < 0.01)::integer AS is_down
    FROM generate_series(%(first)s, %(end)s - '1 s'::interval, '1 h') AS hour_at
    CROSS JOIN generate_series(1, %(sites)s) AS site_id
) AS hour;

-- name: latency_hour
-- The buckets of 12 latencies that lie as those of the raw results.
INSERT INTO sitemon.{partition} (hour_at, site_id, region_id, bucket, checks)
SELECT hour_at, site_id, 1, 24 + mod(site_id, 17) + place, (ARRAY[2, 4, 4, 2])[place]
FROM generate_series(%(first)s, %(end)s - '1 s'::interval, '1 h') AS hour_at
CROSS JOIN generate_series(1, %(sites)s) AS site_id
CROSS JOIN generate_series(1, 4) AS place;

-- name: count_day
INSERT INTO sitemon.count_day (day, site_id, region_id, up, degraded, down, missed)
SELECT day::date, site_id, 1, 288 - is_down, 0, is_down, 0
FROM (
    SELECT day, site_id, (random() < 0.2)::integer AS is_down
    FROM generate_series(%(from_at)s::timestamp, %(today)s::timestamp - '1 s'::interval, '1 day') AS day
    CROSS JOIN generate_series(1, %(sites)s) AS site_id
) AS daily;

-- name: latency_day
INSERT INTO sitemon.latency_day (day, site_id, region_id, bucket, checks)
SELECT day::date, site_id, 1, 23 + mod(site_id, 17) + place, (ARRAY[4, 40, 100, 100, 40, 4])[place]
FROM generate_series(%(from_at)s::timestamp, %(today)s::timestamp - '1 s'::interval, '1 day') AS day
CROSS JOIN generate_series(1, %(sites)s) AS site_id
CROSS JOIN generate_series(1, 6) AS place;

-- name: current_state
INSERT INTO sitemon.current_state (
    slot_at, since_at, checked_at, site_id, region_id, target_id, kind, outcome, latency_s, reason_id, http_code
)
SELECT
    %(now)s - '1 min'::interval, %(from_at)s, %(now)s - '1 min'::interval, site_id, 1, site_id, 'scheduled',
    CASE WHEN mod(site_id, 500) = 0 THEN 'down' ELSE 'up' END::sitemon.outcome, 0.2,
    CASE WHEN mod(site_id, 500) = 0 THEN 5 END, 200
FROM sitemon.site
ORDER BY site_id;

-- name: watermark
-- A quarter of an hour ago, so that maintenance has one to do; uptime_recent was made when there was nothing.
UPDATE sitemon.watermark SET
    recent_until_at = '-infinity',
    hours_until_at = date_bin('15 minutes', %(now)s - '17 min'::interval, '1970-01-01Z'),
    days_until = sitemon.day_of(%(now)s);
