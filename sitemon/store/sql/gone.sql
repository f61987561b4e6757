-- name: lasting
-- Sites after a number of which something lasts or waits to be told: incidents, and that they are degraded.
SELECT site_id, site.name
FROM (
    SELECT site_id FROM sitemon.incident WHERE ended_at IS NULL AND withdrawn_at IS NULL
    UNION
    SELECT site_id FROM sitemon.incident WHERE is_held AND withdrawn_at IS NULL AND behind IS NULL
    UNION
    SELECT site_id FROM sitemon.degradation WHERE ended_at IS NULL
) AS lasting
JOIN sitemon.site USING (site_id)
WHERE site_id > %(after)s
ORDER BY site_id
LIMIT %(most)s;

-- name: scheduled
-- Which of these sites are in the schedule, or were, and since when they are not. Null while that is not certain: only once
-- all that beats said up to so much later is known, as the account is closed, and looked at. A site of which there are
-- results all the same is looked at by a monitor.
SELECT
    site.site_id,
    CASE
        WHEN site.is_ended
            AND left_ms <= closed_ms - %(grace_ms)s
            AND NOT EXISTS (SELECT FROM sitemon.changed_watch AS changed WHERE changed.site_id = site.site_id)
            AND NOT EXISTS (
                SELECT
                FROM sitemon.current_state AS state
                WHERE state.site_id = site.site_id AND sitemon.to_ms(slot_at) - %(on_the_way_ms)s > left_ms
            )
            THEN sitemon.from_ms(left_ms)
    END
FROM sitemon.listed_site AS site
-- It has one row; a planner without statistics would take it for a thousand.
CROSS JOIN (SELECT closed_ms FROM sitemon.account LIMIT 1) AS account
CROSS JOIN LATERAL (
    -- Not the end of its last stretch, which is right after its last slot: that may have been a day before.
    SELECT max(at_ms) + 1 AS left_ms FROM sitemon.watch WHERE watch.site_id = site.site_id
) AS schedule
WHERE site.site_id = ANY (%(site_ids)s) AND left_ms IS NOT NULL;

-- name: mark
-- Where a site waits to be decided on, it is anyway.
INSERT INTO sitemon.undecided (site_id, from_at)
SELECT site_id, left_at
FROM unnest(%(site_ids)s::integer[], %(left_at)s::timestamptz[]) AS given (site_id, left_at)
WHERE NOT EXISTS (SELECT FROM sitemon.undecided WHERE undecided.site_id = given.site_id);

-- name: say_why
INSERT INTO sitemon.incident_note (incident_id, written_by, note, is_published)
SELECT incident_id, 'sitemon', %(note)s, false FROM unnest(%(incident_ids)s::integer[]) AS given (incident_id);

-- name: let_go
-- Nobody will be told of what nobody was told of.
UPDATE sitemon.incident SET is_held = false
WHERE site_id = ANY (%(site_ids)s) AND is_held AND behind IS NULL AND withdrawn_at IS NULL;
