-- Readers find the newest incidents of a site by its number, in the order of an index, however many there were before: by
-- the name of a joined table no index has an order.

SET LOCAL lock_timeout = '4s';
SET LOCAL statement_timeout = '30s';

CREATE VIEW sitemon.sites AS
SELECT site_id, name AS site FROM sitemon.site;

COMMENT ON VIEW sitemon.sites IS
    'The number of each site, those that were taken out too. By it the newest incidents of a site are found at once: '
    'incidents WHERE site_id = … AND withdrawn_at IS NULL ORDER BY ended_at DESC, the one that lasts first.';

CREATE OR REPLACE VIEW sitemon.incidents AS
SELECT
    incident.incident_id,
    site.name AS site,
    incident.started_at,
    incident.ended_at,
    incident.regions,
    incident.reason,
    incident.http_code,
    incident.error,
    incident.decided_at,
    incident.withdrawn_at,
    incident.acknowledged_at,
    incident.acknowledged_by,
    incident.behind,
    incident.site_id
FROM sitemon.incident
JOIN sitemon.site ON site.site_id = incident.site_id;
