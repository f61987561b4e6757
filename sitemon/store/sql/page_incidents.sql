-- Only the views that sitemon_reader may read.

-- name: incidents
-- The newest first, by their numbers when the reader goes on after one, else by their beginnings. A filter that is null
-- leaves none out; without a state those that were withdrawn are left out. Those of one site are found by its number, in the
-- order of index incident_by_site.
SELECT
    incident_id,
    site,
    started_at,
    ended_at,
    regions,
    reason,
    http_code,
    error,
    decided_at,
    withdrawn_at,
    acknowledged_at,
    acknowledged_by,
    behind
FROM sitemon.incidents
WHERE (%(incident_id)s::integer IS NULL OR incident_id = %(incident_id)s)
    AND (%(before_number)s::integer IS NULL OR incident_id < %(before_number)s)
    AND (%(before_at)s::timestamptz IS NULL OR (started_at, incident_id) < (%(before_at)s, %(before_id)s))
    AND (%(site)s::text IS NULL OR site_id = (SELECT site_id FROM sitemon.sites WHERE site = %(site)s))
    AND (%(sites)s::text[] IS NULL OR site = ANY (%(sites)s::text[]))
    AND (%(since)s::timestamptz IS NULL OR ended_at IS NULL OR ended_at >= %(since)s)
    AND (%(until)s::timestamptz IS NULL OR started_at < %(until)s)
    AND CASE %(state)s::text
        WHEN 'any' THEN true
        WHEN 'open' THEN ended_at IS NULL AND withdrawn_at IS NULL
        WHEN 'ended' THEN ended_at IS NOT NULL AND withdrawn_at IS NULL
        WHEN 'withdrawn' THEN withdrawn_at IS NOT NULL
        ELSE withdrawn_at IS NULL
    END
ORDER BY CASE WHEN %(before_number)s::integer IS NOT NULL THEN incident_id END DESC, started_at DESC, incident_id DESC
LIMIT %(most)s;

-- name: incidents_in_turns
-- So many that last or ended since a moment: of each owner of sites one before a second one of any, and of an owner's sites
-- likewise. Of all sites the last one alone is looked at, then so many of each site that may have a place. Incidents of a
-- site follow one another: index incident_by_end has the one that lasts and the newest of the others at its end.
WITH last AS (
    SELECT
        owner,
        sites.site_id,
        of_site.started_at,
        row_number() OVER (PARTITION BY owner ORDER BY of_site.started_at DESC, of_site.incident_id DESC) AS turn,
        count(*) OVER (PARTITION BY owner) AS sites_of_owner
    FROM unnest(%(sites)s::text[], %(owners)s::text[]) AS owned (site, owner)
    JOIN sitemon.sites USING (site)
    CROSS JOIN LATERAL (
        SELECT incident_id, started_at, ended_at
        FROM sitemon.incidents
        WHERE incidents.site_id = sites.site_id AND withdrawn_at IS NULL
        ORDER BY ended_at DESC
        LIMIT 1
    ) AS of_site
    WHERE ended_at IS NULL OR ended_at >= %(since)s
),
shown AS (
    SELECT owner, site_id, sites_of_owner, count(*) OVER (PARTITION BY owner) AS shown_of_owner
    FROM (SELECT * FROM last ORDER BY turn, started_at DESC LIMIT %(most)s) AS placed
),
newest AS (
    SELECT
        owner,
        -- A second one has its turn after all sites of its owner, those without a place too.
        CASE WHEN turn_of_site > 1 THEN sites_of_owner - shown_of_owner ELSE 0 END AS turns_of_others,
        turn_of_site,
        incident_id,
        started_at
    FROM shown
    CROSS JOIN LATERAL (
        SELECT incident_id, started_at, ended_at, row_number() OVER (ORDER BY ended_at DESC) AS turn_of_site
        FROM sitemon.incidents
        WHERE incidents.site_id = shown.site_id AND withdrawn_at IS NULL
        ORDER BY ended_at DESC
        LIMIT %(most)s
    ) AS of_site
    WHERE ended_at IS NULL OR ended_at >= %(since)s
),
chosen AS (
    SELECT
        incident_id,
        turns_of_others
        + row_number() OVER (PARTITION BY owner ORDER BY turn_of_site, started_at DESC, incident_id DESC) AS turn
    FROM newest
    ORDER BY turn, started_at DESC, incident_id DESC
    LIMIT %(most)s
)
SELECT
    incident_id,
    site,
    incidents.started_at,
    ended_at,
    regions,
    reason,
    http_code,
    error,
    decided_at,
    withdrawn_at,
    acknowledged_at,
    acknowledged_by,
    behind
FROM chosen
JOIN sitemon.incidents USING (incident_id)
ORDER BY incidents.started_at DESC, incident_id DESC;

-- name: alerts_of
-- The newest so many, in the order in which they were made.
SELECT alert_id, type, channel, state, created_at, delivered_at, tries, problem
FROM (
    SELECT alerts.*
    FROM sitemon.alerts
    WHERE incident_id = %(incident_id)s
    ORDER BY alert_id DESC
    LIMIT %(most)s
) AS newest
ORDER BY alert_id;

-- name: notes_of
-- The newest so many, in the order in which they were written.
SELECT note_id, incident_id, written_at, written_by, note, is_published, withdrawn_at, withdrawn_by, was_published
FROM (
    SELECT notes.*
    FROM sitemon.notes
    WHERE incident_id = %(incident_id)s
    ORDER BY note_id DESC
    LIMIT %(most)s
) AS newest
ORDER BY note_id;

-- name: published
-- Of each incident the newest so many notes that are for everybody, however many newer ones were taken back, and when one
-- was last.
SELECT
    asked.incident_id,
    (
        SELECT max(withdrawn_at) FROM sitemon.notes WHERE notes.incident_id = asked.incident_id AND was_published
    ) AS withdrawn_at,
    shown.written_at,
    shown.notes
FROM unnest(%(incident_ids)s::integer[]) AS asked (incident_id)
CROSS JOIN LATERAL (
    SELECT
        coalesce(array_agg(written_at ORDER BY note_id), '{}') AS written_at,
        coalesce(array_agg(note ORDER BY note_id), '{}') AS notes
    FROM (
        SELECT note_id, written_at, note
        FROM sitemon.notes
        WHERE notes.incident_id = asked.incident_id AND is_published
        ORDER BY note_id DESC
        LIMIT %(most)s
    ) AS newest
) AS shown;

-- name: acknowledge
UPDATE sitemon.incident SET acknowledged_at = now(), acknowledged_by = %(by)s
WHERE incident_id = %(incident_id)s AND withdrawn_at IS NULL AND acknowledged_at IS NULL;

-- name: add_note
INSERT INTO sitemon.incident_note (incident_id, written_by, note, is_published)
SELECT incident_id, %(by)s, %(note)s, %(is_published)s
FROM sitemon.incidents
WHERE incident_id = %(incident_id)s;

-- name: withdraw_note
UPDATE sitemon.incident_note SET withdrawn_at = now(), withdrawn_by = %(by)s
WHERE note_id = %(note_id)s AND incident_id = %(incident_id)s AND withdrawn_at IS NULL;
