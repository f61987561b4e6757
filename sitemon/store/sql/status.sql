-- name: note_states
-- Keep the states of these sites as they were decided. Where since_at is null it is as it was, or since newest_at.
INSERT INTO sitemon.decided_state AS decided (site_id, state, since_at, incident_id, regions)
SELECT
    given.site_id,
    given.state,
    coalesce(given.since_at, CASE WHEN before.state = given.state THEN before.since_at END, given.newest_at),
    incident.incident_id,
    given.regions
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
ORDER BY given.site_id
ON CONFLICT (site_id) DO UPDATE SET
    state = excluded.state,
    since_at = excluded.since_at,
    incident_id = excluded.incident_id,
    regions = excluded.regions
WHERE (decided.state, decided.since_at, decided.incident_id, decided.regions)
    IS DISTINCT FROM (excluded.state, excluded.since_at, excluded.incident_id, excluded.regions);

-- name: take_changed
-- Sites whose state is another than what was to be told of them last; those that an alerter has in hand are passed over.
SELECT site.site_id
FROM sitemon.shown_state AS shown
JOIN sitemon.decided_state AS decided ON decided.site_id = shown.site_id
JOIN sitemon.site ON site.site_id = shown.site_id
WHERE (told_state, told_since_at, told_incident_id) IS DISTINCT FROM (shown.state, shown.since_at, shown.incident_id)
ORDER BY site.site_id
LIMIT %(most)s
FOR NO KEY UPDATE OF site SKIP LOCKED;

-- name: note_changes
-- What is to be told of these sites, which are ours: it is looked at again, now that nobody else decides on them.
-- A database that lost transactions, or is new, knows not how far it counted: it goes on at the microseconds of its clock.
-- One at a time sets the sequence, so that it never goes back; where the clock was set back it only counts on.
SELECT setval('sitemon.untold_state_sequence_seq', (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)
FROM sitemon.untold_state_sequence_seq
WHERE last_value < extract(epoch FROM clock_timestamp()) * 1000000
    AND pg_try_advisory_xact_lock(hashtextextended('sitemon.status.sequence', 0));
WITH changed AS (
    UPDATE sitemon.decided_state AS decided SET
        told_state = shown.state, told_since_at = shown.since_at, told_incident_id = shown.incident_id
    FROM sitemon.shown_state AS shown
    WHERE shown.site_id = ANY (%(site_ids)s)
        AND decided.site_id = shown.site_id
        AND (told_state, told_since_at, told_incident_id)
            IS DISTINCT FROM (shown.state, shown.since_at, shown.incident_id)
    RETURNING shown.site_id, shown.state, shown.since_at, shown.regions, shown.incident_id
)
INSERT INTO sitemon.untold_state (site_id, state, since_at, regions, incident_id)
SELECT site_id, state, since_at, regions, incident_id
FROM changed
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

-- name: tell_again
UPDATE sitemon.decided_state AS decided SET told_state = NULL
FROM sitemon.site
WHERE site.name = ANY (%(sites)s) AND decided.site_id = site.site_id;
