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

-- name: windows_ahead
-- Windows of the configuration as they are from now on.
SELECT site_id, greatest(from_at, %(now)s), until_at
FROM sitemon.maintenance_window
WHERE is_configured AND site_id = ANY (%(site_ids)s) AND until_at > %(now)s;

-- name: forget_planned
-- Those of the given ones that have not begun.
DELETE FROM sitemon.maintenance_window AS planned
USING unnest(%(site_ids)s::integer[], %(from_at)s::timestamptz[], %(until_at)s::timestamptz[])
    AS given (site_id, from_at, until_at)
WHERE is_configured
    AND (planned.site_id, planned.from_at, planned.until_at) = (given.site_id, given.from_at, given.until_at);

-- name: cut_running
-- Those of the given windows that run: they end now. Of each site one row is left, that of the window that began first, as it
-- covers the others. If an earlier edit left a row that ends where that window begins, that row is made longer instead, and
-- none is added.
WITH running AS (
    SELECT maintenance.maintenance_id, maintenance.site_id, maintenance.from_at
    FROM unnest(%(site_ids)s::integer[], %(from_at)s::timestamptz[], %(until_at)s::timestamptz[])
        AS given (site_id, from_at, until_at)
    JOIN sitemon.maintenance_window AS maintenance USING (site_id, until_at)
    WHERE is_configured AND maintenance.from_at < %(now)s AND given.from_at = %(now)s
), kept AS (
    SELECT site_id, coalesce(before.maintenance_id, first.maintenance_id) AS maintenance_id
    FROM (SELECT DISTINCT ON (site_id) * FROM running ORDER BY site_id, from_at, maintenance_id) AS first
    LEFT JOIN LATERAL (
        SELECT maintenance_id
        FROM sitemon.maintenance_window AS earlier
        WHERE is_configured
            AND (earlier.site_id, earlier.until_at) = (first.site_id, first.from_at)
            AND earlier.from_at < earlier.until_at
            AND stopped_at IS NOT NULL
        ORDER BY earlier.from_at, maintenance_id
        LIMIT 1
    ) AS before ON true
), cut AS (
    UPDATE sitemon.maintenance_window AS maintenance SET until_at = %(now)s, stopped_at = now()
    FROM kept
    WHERE (maintenance.maintenance_id, maintenance.site_id) = (kept.maintenance_id, kept.site_id)
)
DELETE FROM sitemon.maintenance_window AS maintenance
USING running
WHERE (maintenance.maintenance_id, maintenance.site_id) = (running.maintenance_id, running.site_id)
    AND NOT EXISTS (
        SELECT
        FROM kept
        WHERE (kept.maintenance_id, kept.site_id) = (running.maintenance_id, running.site_id)
    );

-- name: forget_plans
DELETE FROM sitemon.maintenance_plan WHERE site_id = ANY (%(site_ids)s);

-- name: keep_plans
INSERT INTO sitemon.maintenance_plan (site_id, rules, planned_until_at)
SELECT site_id, rules, %(until_at)s
FROM jsonb_to_recordset(%(plans)s) AS given (site_id integer, rules jsonb)
ON CONFLICT (site_id) DO UPDATE SET rules = excluded.rules, planned_until_at = excluded.planned_until_at;
