-- Only the views that sitemon_reader may read.

-- name: incidents
-- Before a number, newest first; those that are withdrawn are shown as such.
SELECT
    incident_id,
    site,
    started_at,
    ended_at,
    regions,
    reason,
    http_code,
    error,
    decided_at,
    withdrawn_at,
    acknowledged_at,
    acknowledged_by,
    behind
FROM sitemon.incidents
WHERE (%(before_at)s::timestamptz IS NULL OR (started_at, incident_id) < (%(before_at)s, %(before_id)s))
    AND (NOT %(open_only)s OR (ended_at IS NULL AND withdrawn_at IS NULL))
    AND (%(site)s::text IS NULL OR site = %(site)s)
ORDER BY started_at DESC, incident_id DESC
LIMIT %(most)s;

-- name: incident
SELECT
    incident_id,
    site,
    started_at,
    ended_at,
    regions,
    reason,
    http_code,
    error,
    decided_at,
    withdrawn_at,
    acknowledged_at,
    acknowledged_by,
    behind
FROM sitemon.incidents
WHERE incident_id = %(incident_id)s;

-- name: alerts_of
SELECT alert_id, type, channel, state, created_at, delivered_at, tries, problem
FROM sitemon.alerts
WHERE incident_id = %(incident_id)s
ORDER BY alert_id;
