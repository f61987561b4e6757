-- The last days of sites are summed some sites at a time: all of them at once took a recorder longer than it waits.

SET LOCAL lock_timeout = '4s';
SET LOCAL statement_timeout = '5min';

-- The last days are being summed up to this site in this region; 0: nobody is at it.
ALTER TABLE sitemon.watermark
    ADD COLUMN recent_next_at timestamptz NOT NULL DEFAULT '-infinity',
    ADD COLUMN recent_site_id integer NOT NULL DEFAULT 0,
    ADD COLUMN recent_region_id integer NOT NULL DEFAULT 0;

COMMENT ON COLUMN sitemon.watermark.recent_next_at IS
    'What hours_until_at was when they began to be summed, and so recent_until_at once they are.';

DROP VIEW sitemon.uptime_recent;
ALTER MATERIALIZED VIEW sitemon.kept_recent RENAME TO old_recent;

CREATE TABLE sitemon.kept_recent (
    site_id integer NOT NULL,
    region_id integer NOT NULL,
    days integer NOT NULL,
    up bigint NOT NULL,
    degraded bigint NOT NULL,
    down bigint NOT NULL,
    missed bigint NOT NULL,
    maintenance bigint NOT NULL,
    uptime_low numeric,
    uptime_high numeric,
    coverage numeric,
    site text NOT NULL,
    region text NOT NULL,
    -- Query sum_recent: the row of a site's days.
    PRIMARY KEY (site_id, region_id, days)
) WITH (fillfactor = 60);

INSERT INTO sitemon.kept_recent
SELECT
    site_id, region_id, days, up, degraded, down, missed, maintenance, uptime_low, uptime_high, coverage, site, region
FROM sitemon.old_recent
JOIN sitemon.site ON site.name = old_recent.site
JOIN sitemon.region ON region.name = old_recent.region;

DROP MATERIALIZED VIEW sitemon.old_recent;

-- View uptime_recent: of all sites or of one.
CREATE INDEX kept_recent_by_name ON sitemon.kept_recent (days, site, region);

CREATE VIEW sitemon.uptime_recent AS
SELECT
    site,
    region,
    days,
    up,
    degraded,
    down,
    missed,
    uptime_low,
    uptime_high,
    coverage,
    nullif(recent_until_at, '-infinity') AS as_of,
    maintenance
FROM sitemon.kept_recent
-- It has one row; a planner without statistics would take it for a thousand.
CROSS JOIN (SELECT recent_until_at FROM sitemon.watermark LIMIT 1) AS watermark;

COMMENT ON VIEW sitemon.uptime_recent IS
    'Uptime of today and of the last 7, 30 and 90 days (UTC), today included, as it was at as_of, the last quarter of an '
    'hour; null: it is about to be counted anew.';
