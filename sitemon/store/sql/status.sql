-- name: note_states
-- Keep the states of these sites, and what is to be told of those that changed. Where since_at is null it is as it was, or
-- since newest_at.
WITH given AS (
    SELECT
        given.site_id,
        given.state,
        given.regions,
        incident.incident_id,
        coalesce(
            given.since_at, CASE WHEN before.state = given.state THEN before.since_at END, given.newest_at
        ) AS since_at
    FROM jsonb_to_recordset(%(states)s) AS given (
        site_id integer, state text, since_at timestamptz, newest_at timestamptz, regions jsonb
    )
    LEFT JOIN sitemon.decided_state AS before USING (site_id)
    LEFT JOIN LATERAL (
        SELECT incident_id
        FROM sitemon.incident
        WHERE incident.site_id = given.site_id AND ended_at IS NULL AND withdrawn_at IS NULL
        ORDER BY started_at DESC
        LIMIT 1
    ) AS incident ON given.state = 'down'
), noted AS (
    INSERT INTO sitemon.decided_state AS before (site_id, state, since_at, incident_id)
    SELECT site_id, state, since_at, incident_id FROM given ORDER BY site_id
    ON CONFLICT (site_id) DO UPDATE SET
        state = excluded.state, since_at = excluded.since_at, incident_id = excluded.incident_id
    WHERE (before.state, before.since_at, before.incident_id)
        IS DISTINCT FROM (excluded.state, excluded.since_at, excluded.incident_id)
    RETURNING site_id
)
INSERT INTO sitemon.untold_state (site_id, state, since_at, regions, incident_id)
SELECT site_id, state, since_at, regions, incident_id
FROM given
JOIN noted USING (site_id)
ORDER BY site_id;

-- name: is_any_untold
SELECT EXISTS (SELECT FROM sitemon.untold_state);

-- name: take_turn
-- One at a time tells, so that the newest of a site comes last.
SELECT pg_try_advisory_xact_lock(hashtextextended('sitemon.status', 0));

-- name: untold
SELECT
    sequence,
    site.name,
    untold.state,
    untold.since_at,
    untold.regions,
    incident_id,
    started_at,
    reason,
    http_code,
    error
FROM sitemon.untold_state AS untold
JOIN sitemon.site USING (site_id)
LEFT JOIN sitemon.incident USING (incident_id)
ORDER BY sequence
LIMIT %(most)s;

-- name: told
DELETE FROM sitemon.untold_state WHERE sequence = ANY (%(sequences)s);

-- name: forget_untold
-- While nobody tells them, what is to be told does not grow without end: of a site the newest says all.
DELETE FROM sitemon.untold_state AS old
WHERE created_at < now() - '1 day'::interval
    AND EXISTS (
        SELECT FROM sitemon.untold_state AS newer WHERE newer.site_id = old.site_id AND newer.sequence > old.sequence
    );
