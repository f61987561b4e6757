-- name: plans
SELECT
    site.name,
    plan.site_id,
    plan.rules,
    plan.planned_until_at,
    site.is_ended
FROM sitemon.maintenance_plan AS plan
JOIN sitemon.listed_site AS site ON site.site_id = plan.site_id
WHERE %(names)s::text[] IS NULL OR site.name = ANY (%(names)s::text[]);

-- name: forget_planned
-- Windows of the configuration that have not begun.
DELETE FROM sitemon.maintenance_window
WHERE is_configured AND site_id = ANY (%(site_ids)s) AND from_at >= %(now)s
RETURNING site_id, from_at, until_at;

-- name: cut_running
-- An edit holds from now on.
UPDATE sitemon.maintenance_window SET until_at = %(now)s, stopped_at = now()
WHERE is_configured AND site_id = ANY (%(site_ids)s) AND from_at < %(now)s AND until_at > %(now)s
RETURNING site_id, %(now)s::timestamptz, until_at;

-- name: forget_plans
DELETE FROM sitemon.maintenance_plan WHERE site_id = ANY (%(site_ids)s);

-- name: keep_plans
INSERT INTO sitemon.maintenance_plan (site_id, rules, planned_until_at)
SELECT site_id, rules, %(until_at)s
FROM jsonb_to_recordset(%(plans)s) AS given (site_id integer, rules jsonb)
ON CONFLICT (site_id) DO UPDATE SET rules = excluded.rules, planned_until_at = excluded.planned_until_at;
