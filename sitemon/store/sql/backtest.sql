-- name: recorded_sites
SELECT name FROM sitemon.site;

-- name: first_raw
-- Since when there are results at all.
SELECT raw_from_at FROM sitemon.watermark;

-- name: outages
SELECT region, from_at, until_at FROM sitemon.region_outage WHERE until_at IS NULL OR until_at > %(since)s;

-- name: take_time
-- A day of all sites is sorted: with 100,000 of them on disk, for minutes.
SET LOCAL statement_timeout = '10min';
SET LOCAL work_mem = '64MB';

-- name: telling_rows
-- Of a stretch of time the rows by which a state may change: all that are not up, and after each of them the first of each
-- region that are. Further ones change nothing, for then every region sees the site as up. In a window of maintenance a
-- failure says as little as a slot that was missed.
SELECT
    site.name,
    slot_at,
    region.name,
    kind::text,
    placed.outcome::text,
    is_maintained,
    reason.name,
    http_code
FROM (
    SELECT
        *,
        row_number() OVER (PARTITION BY site_id, region_id, streak ORDER BY slot_at, kind) AS place
    FROM (
        SELECT
            result.site_id,
            region_id,
            slot_at,
            kind,
            CASE WHEN outcome = 'down' AND is_maintained THEN 'missed' ELSE outcome END AS outcome,
            coalesce(is_maintained, false) AS is_maintained,
            reason_id,
            http_code,
            count(*) FILTER (WHERE outcome <> 'up')
                OVER (PARTITION BY result.site_id ORDER BY slot_at, region_id, kind) AS streak
        FROM sitemon.result
        LEFT JOIN LATERAL (
            SELECT result.slot_at < stretch.until_at AS is_maintained
            FROM sitemon.maintenance_stretch AS stretch
            WHERE stretch.site_id = result.site_id AND stretch.from_at <= result.slot_at
            ORDER BY stretch.from_at DESC
            LIMIT 1
        ) AS newest ON true
        WHERE slot_at >= %(from_at)s AND slot_at < %(until_at)s AND kind <> 'adhoc'
    ) AS counted
) AS placed
JOIN sitemon.site USING (site_id)
JOIN sitemon.region USING (region_id)
LEFT JOIN sitemon.reason USING (reason_id)
WHERE placed.outcome <> 'up' OR place <= %(good_rows)s + 1
ORDER BY site.name, slot_at, region.name, kind::text;
