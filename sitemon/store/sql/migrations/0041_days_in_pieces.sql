-- A day is summed some sites at a time: all of them at once kept recorders from writing for as long as that took.

SET LOCAL lock_timeout = '4s';
SET LOCAL statement_timeout = '5min';

-- The day `days_until` is summed up to this site in this region; 0: of none. Late results move what is summed of it.
ALTER TABLE sitemon.watermark
    ADD COLUMN day_site_id integer NOT NULL DEFAULT 0,
    ADD COLUMN day_region_id integer NOT NULL DEFAULT 0;

-- A day that is not summed of all sites is read from its hours.
CREATE OR REPLACE VIEW sitemon.counted_day AS
SELECT site_id, region_id, site.name AS site, region.name AS region, day, up, degraded, down, missed, maintenance
FROM sitemon.count_day
LEFT JOIN sitemon.site USING (site_id)
LEFT JOIN sitemon.region USING (region_id)
WHERE day < (SELECT days_until FROM sitemon.watermark)
UNION ALL
SELECT site_id, region_id, site, region, sitemon.day_of(hour_at), up, degraded, down, missed, maintenance
FROM sitemon.counted_hour
WHERE hour_at >= (SELECT days_until::timestamp AT TIME ZONE 'UTC' FROM sitemon.watermark)
UNION ALL
SELECT site_id, region_id, site.name, region.name, sitemon.day_of(hour_at), 0, 0, 0, missed, 0
FROM sitemon.away_hour
LEFT JOIN sitemon.site USING (site_id)
LEFT JOIN sitemon.region USING (region_id)
WHERE hour_at < (SELECT days_until::timestamp AT TIME ZONE 'UTC' FROM sitemon.watermark);

CREATE OR REPLACE VIEW sitemon.counted_latency_day AS
SELECT site_id, region_id, site.name AS site, region.name AS region, day, bucket, checks
FROM sitemon.latency_day
LEFT JOIN sitemon.site USING (site_id)
LEFT JOIN sitemon.region USING (region_id)
WHERE day < (SELECT days_until FROM sitemon.watermark)
UNION ALL
SELECT site_id, region_id, site, region, sitemon.day_of(hour_at), bucket, checks
FROM sitemon.counted_latency_hour
WHERE hour_at >= (SELECT days_until::timestamp AT TIME ZONE 'UTC' FROM sitemon.watermark);
