-- name: edits
-- The history of these sites in their regions. Of one of which all that is new is later than what its stretches follow from,
-- only what is new, with the place and the moment of the latter. Of others from the base on: what comes from before that is
-- too late, or read again. The base of each is looked for once, and not with each of its events.
WITH given AS MATERIALIZED (
    SELECT
        given.site_id,
        given.region_id,
        watch.token AS folded_token,
        watch.sequence AS folded_sequence,
        watch.at_ms AS folded_ms,
        coalesce(watch.token, base.token, -9223372036854775808) AS token,
        coalesce(watch.sequence, base.sequence, -9223372036854775808) AS sequence,
        CASE WHEN watch.token IS NULL THEN coalesce(base.at_ms, -9223372036854775808) ELSE 9223372036854775807 END AS at_ms
    FROM unnest(%(site_ids)s::integer[], %(region_ids)s::integer[]) AS given (site_id, region_id)
    LEFT JOIN sitemon.changed_watch AS changed
        ON (changed.site_id, changed.region_id) = (given.site_id, given.region_id) AND changed.is_later
    LEFT JOIN sitemon.watch
        ON (watch.site_id, watch.region_id) = (changed.site_id, changed.region_id)
    LEFT JOIN LATERAL (
        SELECT event.token, event.sequence, event.at_ms
        FROM sitemon.schedule_event AS event
        WHERE event.site_id = given.site_id
            AND event.region_id = given.region_id
            AND is_base
            AND watch.token IS NULL
        ORDER BY event.token, event.sequence, event.at_ms
        LIMIT 1
    ) AS base ON true
)
SELECT
    given.site_id,
    given.region_id,
    folded_token,
    folded_sequence,
    folded_ms,
    is_base OR folded_token IS NOT NULL,
    event.token,
    event.sequence,
    event.at_ms,
    from_ms,
    interval_ms,
    patience_ms
FROM given
-- Without an offset they might be joined by the site alone.
CROSS JOIN LATERAL (
    SELECT is_base, event.token, event.sequence, event.at_ms, from_ms, interval_ms, patience_ms
    FROM sitemon.schedule_event AS event
    WHERE event.site_id = given.site_id
        AND event.region_id = given.region_id
        -- Without an upper bound the planner would take them for a third of all.
        AND event.token BETWEEN given.token AND 9223372036854775807
        AND (event.token, event.sequence, event.at_ms) >= (given.token, given.sequence, given.at_ms)
    OFFSET 0
) AS event;

-- name: tellings
SELECT token, first, sequence, at_ms FROM sitemon.telling WHERE is_complete ORDER BY token, sequence;
