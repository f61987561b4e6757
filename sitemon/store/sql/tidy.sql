-- name: forget_over
-- Alerts that nobody sends any more; outages and silences that have ended. Of windows those of the configuration; those
-- that somebody declared are few, and say why.
DELETE FROM sitemon.outbox
WHERE created_at < %(before)s AND (delivered_at IS NOT NULL OR given_up_at IS NOT NULL);
DELETE FROM sitemon.maintenance_window WHERE is_configured AND until_at < %(before)s;
DELETE FROM sitemon.region_outage WHERE until_at < %(before)s;
DELETE FROM sitemon.silence WHERE ended_at < %(before)s;

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
