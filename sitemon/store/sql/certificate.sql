-- name: sites
SELECT site_id, name FROM sitemon.site WHERE site_id > %(after)s ORDER BY site_id LIMIT %(most)s;

-- name: expiring
-- The certificates that sites showed when they were seen last from regions, which expire before a moment, with the threshold of
-- the last warning. Sites that were taken out of the configuration are left out.
SELECT
    site.site_id,
    site.name,
    min(target.url),
    seen.cert_expires_at,
    min(warning.days),
    EXISTS (SELECT FROM sitemon.watch WHERE watch.site_id = site.site_id)
FROM unnest(%(site_ids)s::integer[], %(regions)s::text[]) AS given (site_id, region)
JOIN sitemon.region ON region.name = given.region
-- Look-ups by key for each, whatever the planner knows: a join may read all results that there are.
CROSS JOIN LATERAL (
    SELECT *
    FROM sitemon.current_state
    WHERE current_state.site_id = given.site_id AND current_state.region_id = region.region_id
    LIMIT 1
) AS state
CROSS JOIN LATERAL (
    SELECT cert_expires_at, target_id
    FROM sitemon.result
    WHERE result.site_id = state.site_id
        AND result.region_id = state.region_id
        AND result.slot_at = state.seen_slot_at
        AND result.cert_expires_at IS NOT NULL
    LIMIT 1
) AS seen
JOIN sitemon.listed_site AS site ON site.site_id = state.site_id
JOIN sitemon.target ON target.target_id = seen.target_id
LEFT JOIN LATERAL (
    SELECT days
    FROM sitemon.certificate_warning
    WHERE certificate_warning.site_id = given.site_id AND expires_at = seen.cert_expires_at
    LIMIT 1
) AS warning ON true
WHERE seen.cert_expires_at > %(now)s
    AND seen.cert_expires_at <= %(before)s
    AND NOT site.is_ended
GROUP BY site.site_id, site.name, seen.cert_expires_at
ORDER BY site.site_id, seen.cert_expires_at;

-- name: note
-- Returns those of which nobody else has warned meanwhile.
INSERT INTO sitemon.certificate_warning AS warning (site_id, expires_at, days)
SELECT site_id, expires_at, days
FROM unnest(%(site_ids)s::integer[], %(expire_at)s::timestamptz[], %(days)s::smallint[])
    AS given (site_id, expires_at, days)
ON CONFLICT (site_id, expires_at) DO UPDATE SET days = excluded.days WHERE warning.days > excluded.days
RETURNING site_id, expires_at;

-- name: forget
-- Those of certificates that have expired.
DELETE FROM sitemon.certificate_warning WHERE site_id = ANY (%(site_ids)s) AND expires_at < %(before)s;
