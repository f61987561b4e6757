-- name: held_numbers
-- Of each site the one that lasts, and the oldest that are over: of later ones it is not known sooner. All sites come before
-- the second one of any.
SELECT incident_id
FROM (
    SELECT incident_id, row_number() OVER (PARTITION BY site_id, ended_at IS NULL ORDER BY incident_id) AS place
    FROM sitemon.incident
    WHERE is_held AND withdrawn_at IS NULL AND (ended_at IS NULL OR behind IS NULL OR is_unsettled)
) AS placed
WHERE place <= %(of_a_site)s
ORDER BY place, incident_id;

-- name: held_incidents
-- Not of sites that were taken out of the configuration, nor of what lasts while its site is in maintenance. The sites are
-- ours until the transaction ends; an incident that changed meanwhile is looked at anew.
SELECT
    site.name,
    incident_id,
    started_at,
    opened_by_at,
    regions,
    reason,
    http_code,
    error,
    excerpt,
    cert_expires_at,
    ended_at,
    closed_by_at,
    decided_at,
    behind,
    is_unsettled,
    (SELECT min(from_at) FROM sitemon.undecided WHERE undecided.site_id = incident.site_id),
    (SELECT max(slot_at) FROM sitemon.current_state AS state WHERE state.site_id = incident.site_id)
FROM sitemon.incident
JOIN sitemon.listed_site AS site ON site.site_id = incident.site_id
WHERE incident_id = ANY (%(incident_ids)s)
    AND is_held
    AND withdrawn_at IS NULL
    AND (ended_at IS NULL OR behind IS NULL OR is_unsettled)
    AND (
        ended_at IS NOT NULL
        OR NOT EXISTS (
            SELECT FROM sitemon.maintained_now AS maintained WHERE maintained.site_id = incident.site_id
        )
    )
    AND NOT site.is_ended
ORDER BY incident_id
FOR NO KEY UPDATE OF site, incident SKIP LOCKED;

-- name: outages
-- Of these sites the incidents that last and the one that ended last, and of those that are given with a moment the first
-- that ended after it: since incidents of a site follow one another, no other reaches further back.
WITH named AS (
    SELECT site_id, name FROM sitemon.site WHERE name = ANY (%(names)s)
)
SELECT name, started_at, ended_at
FROM named
JOIN sitemon.incident USING (site_id)
WHERE ended_at IS NULL AND withdrawn_at IS NULL
UNION
SELECT name, newest.started_at, newest.ended_at
FROM named
CROSS JOIN LATERAL (
    SELECT started_at, ended_at
    FROM sitemon.incident
    WHERE incident.site_id = named.site_id AND ended_at IS NOT NULL AND withdrawn_at IS NULL
    ORDER BY ended_at DESC
    LIMIT 1
) AS newest
UNION
SELECT name, first.started_at, first.ended_at
FROM unnest(%(of)s::text[], %(after)s::timestamptz[]) AS given (name, after)
JOIN named USING (name)
CROSS JOIN LATERAL (
    SELECT started_at, ended_at
    FROM sitemon.incident
    WHERE incident.site_id = named.site_id AND ended_at >= given.after AND withdrawn_at IS NULL
    ORDER BY ended_at
    LIMIT 100
) AS first;

-- name: windows
-- Of sites that are given with a moment the windows that have begun and were not over before it: none overlap.
SELECT DISTINCT name, stretch.from_at, stretch.until_at
FROM unnest(%(of)s::text[], %(after)s::timestamptz[]) AS given (name, after)
JOIN sitemon.site USING (name)
CROSS JOIN LATERAL (
    SELECT from_at, until_at
    FROM sitemon.maintenance_stretch AS stretch
    WHERE stretch.site_id = site.site_id
        AND from_at >= coalesce(
            (
                SELECT max(from_at)
                FROM sitemon.maintenance_stretch AS last
                WHERE last.site_id = site.site_id AND last.from_at <= given.after
            ),
            given.after
        )
        AND from_at <= %(now)s
        AND until_at >= given.after
    ORDER BY from_at
    LIMIT 100
) AS stretch;

-- name: gateways
-- How these sites are in all regions that look at them and are online: when they were seen to be well, or failing; from which
-- slot on rows of them wait to be decided on; up to when they are maintained.
SELECT
    site.name,
    CASE WHEN bool_and(state.seen_outcome IN ('up', 'degraded')) THEN min(state.seen_slot_at) END,
    coalesce(bool_or(state.seen_outcome = 'down'), false),
    (SELECT min(from_at) FROM sitemon.undecided WHERE undecided.site_id = site.site_id),
    (
        SELECT stretch.until_at
        FROM sitemon.maintenance_stretch AS stretch
        WHERE stretch.site_id = site.site_id AND stretch.from_at <= %(now)s
        ORDER BY stretch.from_at DESC
        LIMIT 1
    )
FROM sitemon.site
LEFT JOIN sitemon.current_state AS state
    ON state.site_id = site.site_id
    AND (
        EXISTS (
            SELECT
            FROM sitemon.schedule_stretch AS stretch
            WHERE (stretch.site_id, stretch.region_id) = (state.site_id, state.region_id)
                AND stretch.until_ms = 9223372036854775807
        )
        OR NOT EXISTS (
            SELECT FROM sitemon.watch WHERE (watch.site_id, watch.region_id) = (state.site_id, state.region_id)
        )
    )
    AND NOT EXISTS (
        SELECT
        FROM sitemon.region_outage AS offline
        JOIN sitemon.region ON region.name = offline.region
        WHERE region.region_id = state.region_id AND offline.until_at IS NULL
    )
WHERE site.name = ANY (%(names)s)
GROUP BY site.site_id;

-- name: tell
UPDATE sitemon.incident SET is_held = false, behind = NULL WHERE incident_id = ANY (%(incident_ids)s);

-- name: put_behind
UPDATE sitemon.incident SET behind = given.behind, is_unsettled = false
FROM unnest(%(incident_ids)s::integer[], %(behind)s::text[]) AS given (incident_id, behind)
WHERE incident.incident_id = given.incident_id;
