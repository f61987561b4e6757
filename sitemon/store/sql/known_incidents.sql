-- name: acknowledge
UPDATE sitemon.incident SET acknowledged_at = now(), acknowledged_by = %(by)s
WHERE incident_id = %(incident_id)s AND withdrawn_at IS NULL AND acknowledged_at IS NULL;

-- name: incidents
SELECT
    incident_id,
    site,
    started_at,
    ended_at,
    regions,
    reason,
    http_code,
    error,
    acknowledged_by,
    withdrawn_at IS NOT NULL,
    behind
FROM sitemon.incidents
WHERE (ended_at IS NULL OR ended_at >= %(since)s)
    AND (NOT %(open_only)s OR ended_at IS NULL AND withdrawn_at IS NULL)
ORDER BY started_at DESC;
