-- name: claim
-- Some checks that are due, for as long as the lease lasts, all of one site together; none that is too late to be of use.
UPDATE sitemon.confirming SET leased_until_at = now() + %(lease_s)s * '1 second'::interval
FROM (
    SELECT site_id, region, slot_at
    FROM sitemon.confirming
    WHERE sent_at IS NULL
        AND leased_until_at <= now()
        AND slot_at <= now()
        AND slot_at > now() - %(fresh_s)s * '1 second'::interval
    ORDER BY site_id, slot_at
    LIMIT %(most)s
    FOR UPDATE SKIP LOCKED
) AS due
JOIN sitemon.site USING (site_id)
WHERE (confirming.site_id, confirming.region, confirming.slot_at) = (due.site_id, due.region, due.slot_at)
RETURNING confirming.site_id, site.name, confirming.region, confirming.slot_at;

-- name: sent
UPDATE sitemon.confirming SET sent_at = now()
WHERE region = %(region)s
    AND (site_id, slot_at) IN (SELECT * FROM unnest(%(site_ids)s::integer[], %(slots_at)s::timestamptz[]));

-- name: is_any_awaited
SELECT EXISTS (SELECT FROM sitemon.confirming WHERE sent_at IS NULL AND slot_at > now() - %(fresh_s)s * '1 second'::interval);

-- name: forget
DELETE FROM sitemon.confirming WHERE slot_at < now() - '1 minute'::interval;
