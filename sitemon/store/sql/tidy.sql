-- name: forget_alerts
-- Those that nobody sends any more.
DELETE FROM sitemon.outbox
WHERE outbox_id = ANY (
    ARRAY(
        SELECT outbox_id
        FROM sitemon.outbox
        WHERE created_at < %(before)s AND (delivered_at IS NOT NULL OR given_up_at IS NOT NULL)
        LIMIT %(most)s
    )
);

-- name: forget_windows
-- Those of the configuration; those that somebody declared are few, and say why.
DELETE FROM sitemon.maintenance_window WHERE is_configured AND until_at < %(before)s;

-- name: forget_outages
DELETE FROM sitemon.region_outage WHERE until_at < %(before)s;

-- name: forget_silences
DELETE FROM sitemon.silence WHERE ended_at < %(before)s;

-- name: forget_crowded
-- Of sites of which very many alerts were dealt with all but the newest, some at a time: those of up to 200 sites that a
-- thousand random pages of the table show, so that what a site has much of is found soon. What was said of what lasts is kept, but for
-- reminders. Clocks of workers may be ahead of this one.
DELETE FROM sitemon.outbox
WHERE outbox_id = ANY (
    ARRAY(
        SELECT alert.outbox_id
        FROM (
            SELECT site_name
            FROM sitemon.outbox TABLESAMPLE SYSTEM (least(100, 8e8 / greatest(1, pg_relation_size('sitemon.outbox'))))
            WHERE site_name IS NOT NULL AND (delivered_at IS NOT NULL OR given_up_at IS NOT NULL)
            GROUP BY site_name
            ORDER BY random()
            LIMIT 200 -- of each a thousand alerts are read, though none is to be dropped
        ) AS shown
        CROSS JOIN LATERAL (
            SELECT outbox_id
            FROM sitemon.outbox AS newer
            WHERE newer.site_name = shown.site_name AND (delivered_at IS NOT NULL OR given_up_at IS NOT NULL)
            ORDER BY outbox_id DESC
            OFFSET %(of_a_site)s
            LIMIT 1
        ) AS first_over
        CROSS JOIN LATERAL (
            SELECT *
            FROM sitemon.outbox AS older
            WHERE older.site_name = shown.site_name
                AND older.outbox_id <= first_over.outbox_id
                AND (delivered_at IS NOT NULL OR given_up_at IS NOT NULL)
            OFFSET 0 -- by the index of sites, and not by reading all alerts where nothing is to be dropped
        ) AS alert
        LEFT JOIN sitemon.incident USING (incident_id)
        WHERE (type = 'site.reminder' OR incident_id IS NULL OR ended_at IS NOT NULL OR withdrawn_at IS NOT NULL)
            AND NOT EXISTS (
                SELECT
                FROM sitemon.site
                JOIN sitemon.degradation USING (site_id)
                WHERE site.name = alert.site_name
                    AND type = 'site.degraded'
                    AND alert.created_at >= since_at - '1 hour'::interval
            )
        LIMIT %(most)s
    )
);

-- name: gather_marks
-- While no alerter runs, what is to decide does not grow without end: of a site the earliest slot says all.
WITH gone AS (
    DELETE FROM sitemon.undecided
    WHERE undecided_id < (SELECT max(undecided_id) FROM sitemon.undecided) - %(most)s
    RETURNING site_id, from_at
)
INSERT INTO sitemon.undecided (site_id, from_at)
SELECT site_id, min(from_at) FROM gone GROUP BY site_id;

-- name: forget_untold
-- While nobody tells them, what is to be told does not grow without end: of a site the newest says all.
DELETE FROM sitemon.untold_state AS old
WHERE created_at < now() - '1 day'::interval
    AND EXISTS (
        SELECT FROM sitemon.untold_state AS newer WHERE newer.site_id = old.site_id AND newer.sequence > old.sequence
    );

-- name: forget_held
-- Sites that are in no schedule any more: of what was over a day before one comes back nobody is told.
UPDATE sitemon.incident SET is_held = false
FROM sitemon.listed_site AS site
WHERE site.site_id = incident.site_id
    AND site.is_ended
    AND is_held
    AND behind IS NULL
    AND withdrawn_at IS NULL
    AND ended_at < now() - '1 day'::interval;
