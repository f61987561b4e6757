-- What the page shows beside the past: what is due when, labels, and incidents.

-- name: watched
-- A slot of a site each 10 s, those of all sites one after the other: %(base_ms)s + site_id + k * interval_ms.
INSERT INTO sitemon.schedule_stretch (site_id, region_id, from_ms, until_ms, interval_ms, patience_ms)
SELECT site_id, 1, %(base_ms)s + site_id, 9223372036854775807, %(interval_ms)s, %(interval_ms)s + 72000
FROM sitemon.site
ORDER BY site_id;

INSERT INTO sitemon.watch (site_id, region_id, token, sequence, at_ms, labels)
SELECT
    site_id, 1, 0, 0, %(base_ms)s,
    jsonb_build_object(
        'team', 'team-' || mod(site_id, 20),
        'env', CASE WHEN mod(site_id, 5) = 0 THEN 'test' ELSE 'prod' END
    )
FROM sitemon.site
ORDER BY site_id;

UPDATE sitemon.account SET
    from_ms = %(base_ms)s, closed_ms = %(base_ms)s, away_ms = %(base_ms)s;

ANALYZE sitemon.schedule_stretch, sitemon.watch;

-- name: incidents
-- Each site was down once in these days; every 500th is.
INSERT INTO sitemon.incident (site_id, started_at, ended_at, opened_by_at, closed_by_at, regions, reason, http_code)
SELECT
    site_id, started_at, ended_at, started_at, ended_at, '{default}', 'http_status', 503
FROM (
    SELECT
        site_id,
        %(now)s - mod(site_id, 89) * '1 day'::interval - '5 h'::interval AS started_at,
        CASE
            WHEN mod(site_id, 500) <> 0
                THEN %(now)s - mod(site_id, 89) * '1 day'::interval - '4 h'::interval
        END AS ended_at
    FROM sitemon.site
) AS incident
ORDER BY started_at;

ANALYZE sitemon.incident;

-- name: recorded
SELECT count(*) FROM sitemon.result WHERE slot_at >= %s AND slot_at < %s AND outcome <> 'missed';
