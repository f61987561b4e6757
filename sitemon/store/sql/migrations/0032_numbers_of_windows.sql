-- Windows of maintenance have numbers without end: each edit of those of a site takes new ones.

SET LOCAL lock_timeout = '4s';
SET LOCAL statement_timeout = '5min';

ALTER SEQUENCE sitemon.maintenance_number AS bigint;

DROP VIEW sitemon.maintenance;

ALTER TABLE sitemon.maintenance_window ALTER COLUMN maintenance_id TYPE bigint;

CREATE VIEW sitemon.maintenance AS
SELECT
    maintenance_id,
    site.name AS site,
    from_at,
    until_at,
    CASE
        WHEN until_at = from_at THEN 'withdrawn'
        WHEN now() < from_at THEN 'planned'
        WHEN now() < until_at THEN 'running'
        ELSE 'over'
    END AS state,
    is_configured,
    reason,
    declared_by,
    declared_at,
    stopped_at
FROM sitemon.maintenance_window AS maintenance
JOIN sitemon.site ON site.site_id = maintenance.site_id;

COMMENT ON VIEW sitemon.maintenance IS
    'Windows of maintenance, a row for each site: slots with from_at <= slot_at < until_at. Those with is_configured follow '
    'from the configuration. One that is withdrawn counts for nothing.';
