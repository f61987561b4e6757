-- name: edits
-- The history of these sites in their regions, from the base on: what comes from before that is too late, or read again.
-- The base of each is looked for once, and not with each of its events.
WITH given AS MATERIALIZED (
    SELECT given.site_id, given.region_id, base.token, base.sequence, base.at_ms AS base_ms
    FROM unnest(%(site_ids)s::integer[], %(region_ids)s::integer[]) AS given (site_id, region_id)
    LEFT JOIN sitemon.schedule_event AS base
        ON base.site_id = given.site_id AND base.region_id = given.region_id AND base.is_base
)
SELECT site_id, region_id, is_base, event.token, event.sequence, at_ms, from_ms, interval_ms, patience_ms
FROM sitemon.schedule_event AS event
JOIN given USING (site_id, region_id)
WHERE given.token IS NULL OR (event.token, event.sequence, at_ms) >= (given.token, given.sequence, base_ms);

-- name: tellings
SELECT token, first, sequence, at_ms FROM sitemon.telling WHERE is_complete ORDER BY token, sequence;
