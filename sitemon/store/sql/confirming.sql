-- name: sites_to_confirm
-- Sites with checks that are due, and how many these are; none that is too late to be of use.
-- First come the sites that were asked for the fewest within the last minute: of those that begin to fail again and again
-- there may be more than can be asked for. What was asked within `settling_s` is of the same failure, and does not count:
-- where many fail at once, those that were begun with are gone on with. Beyond that the order is another each second.
WITH asked AS (
    SELECT
        site_id,
        count(DISTINCT slot_at) FILTER (WHERE sent_at <= now() - %(settling_s)s * '1 second'::interval) AS asked_before,
        max(sent_at) > now() - %(settling_s)s * '1 second'::interval AS is_begun
    FROM sitemon.confirming
    WHERE sent_at > now() - '1 minute'::interval
    GROUP BY site_id
),
due AS (
    SELECT site_id, count(*) AS checks
    FROM sitemon.confirming
    WHERE sent_at IS NULL
        AND leased_until_at <= now()
        AND slot_at <= now()
        AND slot_at > now() - %(fresh_s)s * '1 second'::interval
    GROUP BY site_id
)
SELECT site_id, name, checks
FROM due
JOIN sitemon.site USING (site_id)
LEFT JOIN asked USING (site_id)
ORDER BY
    coalesce(asked_before, 0),
    coalesce(is_begun, false) DESC,
    hashint4extended(site_id, extract(epoch FROM now())::bigint),
    site_id
LIMIT %(most)s;

-- name: claim
-- So many of the checks of these sites that are due, for as long as the lease lasts; none that another alerter has by now.
WITH placed AS (
    SELECT site_id, region, slot_at, row_number() OVER (PARTITION BY site_id ORDER BY slot_at, region) AS place
    FROM sitemon.confirming
    WHERE site_id = ANY (%(site_ids)s)
        AND sent_at IS NULL
        AND leased_until_at <= now()
        AND slot_at <= now()
        AND slot_at > now() - %(fresh_s)s * '1 second'::interval
)
UPDATE sitemon.confirming SET leased_until_at = now() + %(lease_s)s * '1 second'::interval
FROM (
    SELECT site_id, region, slot_at
    FROM unnest(%(site_ids)s::integer[], %(checks)s::integer[]) AS given (site_id, checks)
    JOIN placed USING (site_id)
    JOIN sitemon.confirming USING (site_id, region, slot_at)
    -- Of a row that was written since this statement began these are asked anew.
    WHERE place <= given.checks AND sent_at IS NULL AND leased_until_at <= now()
    FOR UPDATE OF confirming SKIP LOCKED
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
