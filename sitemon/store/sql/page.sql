-- Only the views that sitemon_reader may read.

-- name: freshness
SELECT closed_at FROM sitemon.freshness;

-- name: watches
SELECT
    site,
    region,
    url,
    state,
    state_since,
    seen_at,
    reason,
    http_code,
    latency_s,
    interval_s,
    labels
FROM sitemon.site_status
WHERE NOT is_ended;

-- name: open_incidents
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
    acknowledged_by
FROM sitemon.incidents
WHERE ended_at IS NULL AND withdrawn_at IS NULL
ORDER BY started_at DESC;
