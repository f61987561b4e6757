-- name: note
-- What somebody was told already stays told.
INSERT INTO sitemon.degradation (
    site_id, since_at, regions, reason, http_code, error, excerpt, cert_expires_at, is_settled
)
SELECT site_id, since_at, regions, reason, http_code, error, excerpt, cert_expires_at, is_settled
FROM jsonb_populate_recordset(NULL::sitemon.degradation, %(degraded)s)
ORDER BY site_id
ON CONFLICT (site_id) DO UPDATE SET
    since_at = excluded.since_at,
    regions = excluded.regions,
    reason = excluded.reason,
    http_code = excluded.http_code,
    error = excluded.error,
    excerpt = excluded.excerpt,
    cert_expires_at = excluded.cert_expires_at,
    is_settled = excluded.is_settled,
    ended_at = NULL;

-- name: forget_untold
-- Of what nobody was told there is nothing to take back.
DELETE FROM sitemon.degradation WHERE site_id = ANY (%(site_ids)s) AND channels IS NULL;

-- name: end
UPDATE sitemon.degradation SET ended_at = given.ended_at
FROM unnest(%(site_ids)s::integer[], %(ended_at)s::timestamptz[]) AS given (site_id, ended_at)
WHERE degradation.site_id = given.site_id AND degradation.ended_at IS NULL;

-- name: numbers
-- Some at a time, in the order of index degradation_to_tell.
SELECT site_id
FROM sitemon.degradation
WHERE (channels IS NULL OR ended_at IS NOT NULL) AND site_id > %(after)s
ORDER BY site_id
LIMIT %(most)s;

-- name: to_tell
-- Not that a site is degraded that was taken out of the configuration, or is in maintenance. The sites are ours until the
-- transaction ends.
SELECT
    site_id,
    site.name,
    (
        SELECT url
        FROM sitemon.target
        WHERE target_id = (
            SELECT target_id
            FROM sitemon.current_state
            WHERE current_state.site_id = degradation.site_id
            ORDER BY slot_at DESC
            LIMIT 1
        )
    ),
    since_at,
    ended_at,
    channels,
    regions,
    (SELECT min(from_at) FROM sitemon.undecided WHERE undecided.site_id = degradation.site_id),
    EXISTS (SELECT FROM sitemon.watch WHERE watch.site_id = degradation.site_id),
    site.is_ended,
    degradation.labels,
    reason,
    http_code,
    error,
    excerpt,
    cert_expires_at
FROM sitemon.degradation
JOIN sitemon.listed_site AS site USING (site_id)
WHERE (channels IS NULL AND is_settled OR ended_at IS NOT NULL)
    AND site_id = ANY (%(site_ids)s)
    AND (
        ended_at IS NOT NULL
        OR NOT site.is_ended AND NOT EXISTS (
            SELECT FROM sitemon.maintained_now AS maintained WHERE maintained.site_id = degradation.site_id
        )
    )
ORDER BY site_id
FOR NO KEY UPDATE OF site, degradation SKIP LOCKED;

-- name: degraded_of
SELECT site.name
FROM sitemon.degradation
JOIN sitemon.site USING (site_id)
WHERE site.name = ANY (%(names)s) AND ended_at IS NULL;

-- name: tell
UPDATE sitemon.degradation SET
    channels = ARRAY(SELECT jsonb_array_elements_text(given.channels)),
    labels = given.labels
FROM jsonb_to_recordset(%(told)s) AS given (site_id integer, channels jsonb, labels jsonb)
WHERE degradation.site_id = given.site_id;

-- name: forget
DELETE FROM sitemon.degradation WHERE site_id = ANY (%(site_ids)s);
