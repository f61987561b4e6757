-- name: expiring
-- The certificates that sites showed when they were seen last, which expire before a moment, with the threshold of the last
-- warning. Sites that are in no schedule any more are left out.
SELECT site.site_id, site.name, min(target.url), result.cert_expires_at, min(warning.days)
FROM sitemon.current_state AS state
JOIN sitemon.result
    ON result.site_id = state.site_id
    AND result.region_id = state.region_id
    AND result.slot_at = state.seen_slot_at
    AND result.cert_expires_at > %(now)s
    AND result.cert_expires_at <= %(before)s
JOIN sitemon.site ON site.site_id = state.site_id
JOIN sitemon.target ON target.target_id = result.target_id
LEFT JOIN sitemon.certificate_warning AS warning
    ON warning.site_id = state.site_id AND warning.expires_at = result.cert_expires_at
WHERE EXISTS (
        SELECT
        FROM sitemon.schedule_stretch AS stretch
        WHERE stretch.site_id = state.site_id AND stretch.until_ms = 9223372036854775807
    )
    OR NOT EXISTS (SELECT FROM sitemon.watch WHERE watch.site_id = state.site_id)
GROUP BY site.site_id, site.name, result.cert_expires_at
ORDER BY site.site_id, result.cert_expires_at;

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
DELETE FROM sitemon.certificate_warning WHERE expires_at < %(before)s;
