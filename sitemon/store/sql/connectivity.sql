-- name: outages
SELECT region, from_at, until_at FROM sitemon.region_outage ORDER BY from_at;

-- name: seen
-- Of each site that the region has looked at within a while before its newest result: its host, its newest result, since
-- when it is so, and whether it failed for a reason of the network.
WITH newest AS MATERIALIZED (
    SELECT state.region_id, max(state.slot_at) AS slot_at
    FROM sitemon.current_state AS state
    JOIN sitemon.region ON region.region_id = state.region_id AND region.name = %(region)s
    WHERE state.outcome <> 'missed'
    GROUP BY state.region_id
)
SELECT
    substring(target.url FROM '^[^:]+://([^/]*)'),
    state.slot_at,
    state.since_at,
    coalesce(state.outcome = 'down' AND reason.name = ANY (%(reasons)s), false)
FROM newest
JOIN sitemon.current_state AS state
    ON state.region_id = newest.region_id
    AND state.slot_at > newest.slot_at - %(within)s
    AND state.outcome <> 'missed'
JOIN sitemon.target ON target.target_id = state.target_id
LEFT JOIN sitemon.reason ON reason.reason_id = state.reason_id;

-- name: cut
-- How many sites began to fail for a reason of the network within a while before the region's newest result.
WITH newest AS MATERIALIZED (
    SELECT state.region_id, max(state.slot_at) AS slot_at
    FROM sitemon.current_state AS state
    JOIN sitemon.region ON region.region_id = state.region_id AND region.name = %(region)s
    WHERE state.outcome <> 'missed'
    GROUP BY state.region_id
)
SELECT count(*)
FROM newest
JOIN sitemon.current_state AS state
    ON state.region_id = newest.region_id
    AND state.since_at > newest.slot_at - %(within)s
    AND state.outcome = 'down'
JOIN sitemon.reason ON reason.reason_id = state.reason_id AND reason.name = ANY (%(reasons)s);

-- name: references
SELECT DISTINCT ON (result.site_id)
    result.slot_at,
    coalesce(result.outcome = 'down' AND reason.name = ANY (%(reasons)s), false)
FROM sitemon.result
JOIN sitemon.site ON site.site_id = result.site_id AND site.name = ANY (%(names)s)
JOIN sitemon.region ON region.region_id = result.region_id AND region.name = %(region)s
LEFT JOIN sitemon.reason ON reason.reason_id = result.reason_id
WHERE result.kind = 'adhoc' AND result.slot_at >= %(since)s
ORDER BY result.site_id, result.slot_at DESC;

-- name: begin_outage
INSERT INTO sitemon.region_outage (region, from_at) VALUES (%(region)s, %(from_at)s)
ON CONFLICT DO NOTHING
RETURNING region;

-- name: end_outage
UPDATE sitemon.region_outage SET until_at = %(until_at)s WHERE region = %(region)s AND until_at IS NULL RETURNING region;

-- name: decide_anew
-- Sites of which the region saw something new since.
INSERT INTO sitemon.undecided (site_id, from_at)
SELECT site_id, %(from_at)s
FROM sitemon.current_state
JOIN sitemon.region USING (region_id)
WHERE region.name = %(region)s AND slot_at >= %(from_at)s AND (outcome = 'down' OR since_at >= %(from_at)s);
