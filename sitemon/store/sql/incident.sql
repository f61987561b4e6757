-- name: undecided_sites
-- Sites of which something is to decide, first those that have waited longest: all that are in the schedule, and the first
-- of others, as whoever may write results could invent any number of these.
SELECT site_id, site.name, is_scheduled
FROM (
    SELECT
        site_id,
        first_id,
        watched.site_id IS NOT NULL AS is_scheduled,
        row_number() OVER (PARTITION BY watched.site_id IS NOT NULL ORDER BY first_id) AS place
    FROM (SELECT site_id, min(undecided_id) AS first_id FROM sitemon.undecided GROUP BY site_id) AS marked
    -- Not EXISTS: whatever the statistics, each is looked up by itself.
    LEFT JOIN LATERAL (
        SELECT site_id FROM sitemon.watch WHERE watch.site_id = marked.site_id LIMIT 1
    ) AS watched USING (site_id)
) AS placed
JOIN sitemon.site USING (site_id)
WHERE is_scheduled OR place <= %(others)s
ORDER BY first_id;

-- name: lock_sites
-- Take those of these sites of which something is to decide still, in this order. Those that another alerter has in hand are
-- passed over.
SELECT site.site_id, site.name
FROM unnest(%(site_ids)s::integer[]) WITH ORDINALITY AS given (site_id, place)
JOIN sitemon.site USING (site_id)
CROSS JOIN LATERAL (SELECT FROM sitemon.undecided WHERE undecided.site_id = given.site_id LIMIT 1) AS marked
ORDER BY place
FOR NO KEY UPDATE OF site SKIP LOCKED;

-- name: lock_site
SELECT site_id, name FROM sitemon.site WHERE site_id = %(site_id)s FOR NO KEY UPDATE SKIP LOCKED;

-- name: take_marks
-- In a statement after lock_sites or lock_site: it sees what was written until the sites were ours.
WITH gone AS (
    DELETE FROM sitemon.undecided WHERE site_id = ANY (%(site_ids)s) RETURNING site_id, undecided_id, from_at
)
SELECT site_id, min(undecided_id), min(from_at) FROM gone GROUP BY site_id ORDER BY site_id;

-- name: put_off
-- In their places: else they came behind marks that were made meanwhile, again and again.
INSERT INTO sitemon.undecided (undecided_id, site_id, from_at) OVERRIDING SYSTEM VALUE
SELECT place, site_id, from_at
FROM unnest(%(places)s::bigint[], %(site_ids)s::integer[], %(from_at)s::timestamptz[]) AS given (place, site_id, from_at);

-- name: regions_of
SELECT site_id, region.name, CASE WHEN outcome = 'up' THEN since_at END
FROM sitemon.current_state
JOIN sitemon.region USING (region_id)
WHERE site_id = ANY (%(site_ids)s);

-- name: few_regions
-- Of each site those with reference sites or in its schedule first, then those known first.
SELECT site_id, name
FROM (
    SELECT
        site_id,
        region.name,
        row_number() OVER (
            PARTITION BY site_id
            ORDER BY watch.site_id IS NULL AND region.name <> ALL (%(references)s::text[]), region_id
        ) AS place
    FROM sitemon.current_state
    JOIN sitemon.region USING (region_id)
    LEFT JOIN sitemon.watch USING (site_id, region_id)
    WHERE site_id = ANY (%(site_ids)s)
) AS placed
WHERE place <= %(most)s;

-- name: policies
SELECT given.site_id, newest.from_at, newest.down_after, newest.up_after
FROM unnest(%(site_ids)s::integer[]) AS given (site_id)
CROSS JOIN LATERAL (
    SELECT from_at, down_after, up_after
    FROM sitemon.incident_policy AS policy
    WHERE policy.site_id = given.site_id
    ORDER BY from_at DESC
    LIMIT %(most)s
) AS newest
ORDER BY given.site_id, newest.from_at;

-- name: add_policies
INSERT INTO sitemon.incident_policy (site_id, from_at, down_after, up_after)
SELECT site_id, from_at, down_after, up_after
FROM jsonb_populate_recordset(NULL::sitemon.incident_policy, %(policies)s)
ON CONFLICT (site_id, from_at) DO UPDATE SET down_after = excluded.down_after, up_after = excluded.up_after;

-- name: forget_policies
DELETE FROM sitemon.incident_policy AS policy
USING (
    SELECT
        given.site_id,
        (
            SELECT from_at
            FROM sitemon.incident_policy AS kept
            WHERE kept.site_id = given.site_id
            ORDER BY from_at DESC
            OFFSET %(most)s - 1
            LIMIT 1
        ) AS first_at
    FROM unnest(%(site_ids)s::integer[]) AS given (site_id)
) AS oldest
WHERE policy.site_id = oldest.site_id AND policy.from_at < oldest.first_at;

-- name: states
SELECT site_id, until_at, state FROM sitemon.incident_state WHERE site_id = ANY (%(site_ids)s);

-- name: rests
SELECT site_id, until_at, state, rested_at, regions FROM sitemon.incident_rest WHERE site_id = ANY (%(site_ids)s);

-- name: rows
-- Of each region the first ones: where there are more, it is gone on from there. Those of slots that lie ahead say nothing;
-- by the time of day, for what was just marked may have been written by a transaction that began after this one.
SELECT
    given.site_id,
    result.slot_at,
    given.region,
    result.kind::text,
    result.outcome::text,
    reason.name,
    result.http_code,
    result.error,
    result.excerpt,
    result.cert_expires_at,
    result.checked_at + result.latency_s * '1 second'::interval
FROM unnest(%(site_ids)s::integer[], %(regions)s::text[], %(from_at)s::timestamptz[], %(most)s::integer[])
    AS given (site_id, region, from_at, most)
JOIN sitemon.region ON region.name = given.region
CROSS JOIN LATERAL (
    SELECT *
    FROM sitemon.result
    WHERE result.site_id = given.site_id
        AND result.region_id = region.region_id
        AND result.slot_at >= given.from_at
        AND result.slot_at <= (SELECT clock_timestamp()) + '1 minute'::interval
        AND result.kind <> 'adhoc'
    ORDER BY slot_at
    LIMIT given.most
) AS result
LEFT JOIN sitemon.reason ON reason.reason_id = result.reason_id;

-- name: first_slots
SELECT given.site_id, min(first.slot_at)
FROM unnest(%(site_ids)s::integer[], %(before_at)s::timestamptz[]) AS given (site_id, before_at)
JOIN sitemon.current_state AS state USING (site_id)
CROSS JOIN LATERAL (
    SELECT slot_at
    FROM sitemon.result
    WHERE result.site_id = given.site_id
        AND result.region_id = state.region_id
        AND result.slot_at < given.before_at
        AND kind <> 'adhoc'
    ORDER BY slot_at
    LIMIT 1
) AS first
GROUP BY given.site_id;

-- name: windows
-- Those in which slots between two may lie. As no two of a site overlap, they are those that begin there, and the last one
-- before: however many were earlier, or lie ahead.
SELECT given.site_id, stretch.from_at, stretch.until_at
FROM unnest(%(site_ids)s::integer[], %(first_at)s::timestamptz[], %(last_at)s::timestamptz[])
    AS given (site_id, first_at, last_at)
CROSS JOIN LATERAL (
    SELECT from_at, until_at
    FROM sitemon.maintenance_stretch AS known
    WHERE known.site_id = given.site_id
        AND known.from_at <= given.last_at
        AND known.from_at >= coalesce(
            (
                SELECT max(from_at)
                FROM sitemon.maintenance_stretch AS last
                WHERE last.site_id = given.site_id AND last.from_at <= given.first_at
            ),
            given.first_at
        )
    OFFSET 0 -- by the index of sites, whatever the statistics
) AS stretch
ORDER BY stretch.from_at;

-- name: cancel_confirming
-- What was asked for and not sent yet, of sites that need no confirming any more.
DELETE FROM sitemon.confirming WHERE site_id = ANY (%(site_ids)s) AND sent_at IS NULL;

-- name: add_confirming
-- But for sites of which so many were wanted within the last minute: whoever may write results could have workers visit a
-- site again and again.
INSERT INTO sitemon.confirming (site_id, region, slot_at)
SELECT site_id, region, slot_at
FROM jsonb_populate_recordset(NULL::sitemon.confirming, %(wanted)s) AS given
WHERE %(most)s > (
    SELECT count(*)
    FROM sitemon.confirming AS known
    WHERE known.site_id = given.site_id AND known.slot_at > now() - '1 minute'::interval
)
ON CONFLICT DO NOTHING;

-- name: incidents_since
-- Those that are open after a moment, or ended by a later row. Of each site they are looked for by themselves, and by a
-- moment that is said outright, from which the planner sees how few they are: else it would read all of the table.
SELECT
    given.site_id,
    incident_id,
    started_at,
    opened_by_at,
    regions,
    reason,
    http_code,
    error,
    excerpt,
    cert_expires_at,
    ended_at,
    closed_by_at
FROM unnest(%(site_ids)s::integer[], %(since_at)s::timestamptz[]) AS given (site_id, since_at)
CROSS JOIN LATERAL (
    SELECT *
    FROM sitemon.incident
    WHERE incident.site_id = given.site_id
        AND withdrawn_at IS NULL
        AND coalesce(closed_by_at, 'infinity') > given.since_at
        AND coalesce(closed_by_at, 'infinity') > %(first_since_at)s
    OFFSET 0
) AS incident
ORDER BY started_at;

-- name: add_incidents
INSERT INTO sitemon.incident (
    site_id, started_at, opened_by_at, regions, reason, http_code, error, excerpt, cert_expires_at, ended_at, closed_by_at
)
SELECT site_id, started_at, opened_by_at, regions, reason, http_code, error, excerpt, cert_expires_at, ended_at, closed_by_at
FROM jsonb_populate_recordset(NULL::sitemon.incident, %(incidents)s)
RETURNING site_id, started_at, incident_id;

-- name: move_incidents
-- Of what is over now it is looked at anew whether it lay behind another site until its end.
UPDATE sitemon.incident SET
    started_at = given.started_at,
    opened_by_at = given.opened_by_at,
    regions = given.regions,
    reason = given.reason,
    http_code = given.http_code,
    error = given.error,
    excerpt = given.excerpt,
    cert_expires_at = given.cert_expires_at,
    ended_at = given.ended_at,
    closed_by_at = given.closed_by_at,
    is_unsettled = given.ended_at IS NOT NULL AND incident.is_held
FROM jsonb_populate_recordset(NULL::sitemon.incident, %(incidents)s) AS given
WHERE incident.incident_id = given.incident_id;

-- name: withdraw_incidents
UPDATE sitemon.incident SET withdrawn_at = now() WHERE incident_id = ANY (%(incident_ids)s);

-- name: unsettle_those_behind
-- What was over behind outages that turn out to have been others, or none.
UPDATE sitemon.incident SET is_unsettled = true
FROM sitemon.incident AS gone
JOIN sitemon.site USING (site_id)
WHERE gone.incident_id = ANY (%(incident_ids)s)
    AND incident.behind = site.name
    AND incident.ended_at >= gone.started_at
    AND incident.is_held
    AND incident.withdrawn_at IS NULL;

-- name: hand_on_acknowledgements
-- Who knew of an incident that was withdrawn, since it was a part of another one, knows of that one.
UPDATE sitemon.incident AS whole SET acknowledged_at = part.acknowledged_at, acknowledged_by = part.acknowledged_by
FROM sitemon.incident AS part
CROSS JOIN LATERAL (
    SELECT incident_id
    FROM sitemon.incident
    WHERE incident.site_id = part.site_id AND withdrawn_at IS NULL AND incident.started_at <= part.started_at
    ORDER BY incident.started_at DESC
    LIMIT 1
) AS last
WHERE part.incident_id = ANY (%(incident_ids)s)
    AND part.acknowledged_at IS NOT NULL
    AND whole.incident_id = last.incident_id
    AND whole.acknowledged_at IS NULL
    AND (whole.ended_at IS NULL OR whole.ended_at > part.started_at);

-- name: keep_states
INSERT INTO sitemon.incident_state (site_id, until_at, state)
SELECT site_id, until_at, state
FROM jsonb_populate_recordset(NULL::sitemon.incident_state, %(states)s)
ON CONFLICT (site_id) DO UPDATE SET until_at = excluded.until_at, state = excluded.state;

-- name: forget_states
DELETE FROM sitemon.incident_state WHERE site_id = ANY (%(site_ids)s);

-- name: keep_rests
INSERT INTO sitemon.incident_rest (site_id, until_at, state, rested_at, regions)
SELECT site_id, until_at, state, rested_at, regions
FROM jsonb_populate_recordset(NULL::sitemon.incident_rest, %(rests)s)
ON CONFLICT (site_id) DO UPDATE SET
    until_at = excluded.until_at,
    state = excluded.state,
    rested_at = excluded.rested_at,
    regions = excluded.regions;

-- name: forget_rests
DELETE FROM sitemon.incident_rest WHERE site_id = ANY (%(site_ids)s);

-- name: circumstances
-- Where the newest result of a site was looked for, since when it was not down before an incident, and how it is now.
SELECT
    incident.incident_id,
    -- One in the other, not joined: while there are no statistics yet, a join reads all targets for each incident.
    (
        SELECT url
        FROM sitemon.target
        WHERE target_id = (
            SELECT target_id
            FROM sitemon.current_state
            WHERE current_state.site_id = incident.site_id
            ORDER BY slot_at DESC
            LIMIT 1
        )
    ),
    (
        SELECT before.ended_at
        FROM sitemon.incident AS before
        WHERE before.site_id = incident.site_id
            AND before.ended_at <= incident.started_at
            AND before.withdrawn_at IS NULL
        ORDER BY before.ended_at DESC
        LIMIT 1
    ),
    incident.acknowledged_by,
    coalesce(
        (
            -- One that was there before the window ended begins with the next failure after it.
            SELECT stretch.until_at > incident.started_at - '10 minutes'::interval
            FROM sitemon.maintenance_stretch AS stretch
            WHERE stretch.site_id = incident.site_id AND stretch.from_at < coalesce(incident.ended_at, 'infinity')
            ORDER BY stretch.from_at DESC
            LIMIT 1
        ),
        false
    ),
    incident.is_held,
    lasting.started_at,
    coalesce(lasting.regions, '{}'),
    (
        SELECT known.ended_at
        FROM sitemon.incident AS known
        WHERE known.site_id = incident.site_id AND known.ended_at IS NOT NULL AND known.withdrawn_at IS NULL
        ORDER BY known.ended_at DESC
        LIMIT 1
    )
FROM sitemon.incident
LEFT JOIN LATERAL (
    SELECT started_at, regions
    FROM sitemon.incident AS other
    WHERE other.site_id = incident.site_id
        AND other.incident_id <> incident.incident_id
        AND other.ended_at IS NULL
        AND other.withdrawn_at IS NULL
    LIMIT 1
) AS lasting ON true
WHERE incident.incident_id = ANY (%(incident_ids)s);

-- name: open_numbers
-- Those of which somebody was told, and nobody knows yet: some at a time, in the order of index incident_open.
SELECT site_id, incident_id
FROM sitemon.incident
WHERE ended_at IS NULL
    AND withdrawn_at IS NULL
    AND acknowledged_at IS NULL
    AND NOT is_held
    AND site_id >= %(site_id)s
    AND (site_id, incident_id) > (%(site_id)s, %(number)s)
ORDER BY site_id, incident_id
LIMIT %(most)s;

-- name: open_incidents
-- Those of which nobody knows yet, but for sites that are in maintenance now, or were taken out of the configuration. Their
-- sites are ours until the transaction ends.
SELECT
    site.name,
    incident_id,
    -- Since somebody was told, which may be long after it was decided.
    extract(
        epoch FROM now() - greatest(
            decided_at, (SELECT min(created_at) FROM sitemon.outbox WHERE outbox.incident_id = incident.incident_id)
        )
    )::double precision,
    EXISTS (SELECT FROM sitemon.watch WHERE watch.site_id = incident.site_id),
    started_at,
    opened_by_at,
    regions,
    reason,
    http_code,
    error,
    excerpt,
    cert_expires_at
FROM sitemon.incident
JOIN sitemon.listed_site AS site ON site.site_id = incident.site_id
WHERE incident_id = ANY (%(incident_ids)s)
    AND ended_at IS NULL
    AND withdrawn_at IS NULL
    AND acknowledged_at IS NULL
    AND NOT is_held
    AND (
        -- Until the site was looked at after the window.
        SELECT stretch.until_at > now() - '10 minutes'::interval
        FROM sitemon.maintenance_stretch AS stretch
        WHERE stretch.site_id = incident.site_id AND stretch.from_at <= now()
        ORDER BY stretch.from_at DESC
        LIMIT 1
    ) IS NOT TRUE
    AND NOT site.is_ended
ORDER BY incident_id
FOR NO KEY UPDATE OF site, incident SKIP LOCKED;

-- name: hold
-- Nobody is told of these before it is known whether they lie behind other sites.
UPDATE sitemon.incident SET is_held = true WHERE incident_id = ANY (%(incident_ids)s);

-- name: said_labels
-- With which labels it was told last that an incident lasts. Not by the index of numbers, through all that was ever told.
SELECT given.incident_id, newest.event #> '{data,labels}'
FROM unnest(%(incident_ids)s::integer[]) AS given (incident_id)
CROSS JOIN LATERAL (
    SELECT event
    FROM sitemon.outbox
    WHERE outbox.incident_id = given.incident_id AND type IN ('site.down', 'site.reminder')
    ORDER BY outbox_id + 0 DESC
    LIMIT 1
) AS newest;

-- name: said_ages
-- How many seconds ago each channel was told last that an incident lasts.
SELECT incident_id, channel, extract(epoch FROM now() - max(created_at))::double precision
FROM sitemon.outbox
WHERE incident_id = ANY (%(incident_ids)s) AND type IN ('site.down', 'site.reminder')
GROUP BY incident_id, channel;
