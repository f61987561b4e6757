-- name: changed_watches
SELECT site_id, region_id FROM sitemon.changed_watch ORDER BY 1, 2 LIMIT %(watches)s;

-- name: forget_changed
DELETE FROM sitemon.changed_watch
WHERE (site_id, region_id) IN (SELECT * FROM unnest(%(site_ids)s::integer[], %(region_ids)s::integer[]));

-- name: edits
-- The history of these sites in their regions, from the base on: their own events, and between two of them one row for all
-- complete tellings that do not name them, of which the earliest moment alone matters. What comes from before the base, too
-- late or read again, counts for its telling alone. A telling names a site by the last event before it, or by none.
WITH given AS (
    SELECT given.site_id, given.region_id, base.token, base.sequence, base.at_ms AS base_ms
    FROM unnest(%(site_ids)s::integer[], %(region_ids)s::integer[]) AS given (site_id, region_id)
    LEFT JOIN sitemon.schedule_event AS base
        ON base.site_id = given.site_id AND base.region_id = given.region_id AND base.is_base
), own AS (
    SELECT site_id, region_id, event.token, event.sequence, at_ms, from_ms, interval_ms, patience_ms, is_base
    FROM sitemon.schedule_event AS event
    JOIN given USING (site_id, region_id)
    WHERE given.token IS NULL OR (event.token, event.sequence, at_ms) >= (given.token, given.sequence, base_ms)
), gap AS (
    SELECT
        *,
        coalesce(lead(token) OVER ordered, 9223372036854775807) AS next_token,
        coalesce(lead(sequence) OVER ordered, 9223372036854775807) AS next_sequence,
        coalesce(lead(at_ms) OVER ordered, 9223372036854775807) AS next_ms,
        max(sequence) OVER (
            PARTITION BY site_id, region_id, token ORDER BY sequence GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS lower_sequence
    FROM (
        SELECT site_id, region_id, token, sequence, at_ms FROM own
        UNION ALL
        SELECT site_id, region_id, -9223372036854775808, -9223372036854775808, -9223372036854775808
        FROM given
        WHERE token IS NULL
    ) AS bound
    WINDOW ordered AS (PARTITION BY site_id, region_id ORDER BY token, sequence, at_ms)
)
SELECT *, at_ms FROM own
UNION ALL
SELECT site_id, region_id, newest[1], newest[2], earliest_ms, NULL, NULL, NULL, false, latest_ms
FROM gap
JOIN given USING (site_id, region_id)
CROSS JOIN LATERAL (
    SELECT max(ARRAY[telling.token, telling.sequence]) AS newest, min(at_ms) AS earliest_ms, max(at_ms) AS latest_ms
    FROM sitemon.telling
    WHERE is_complete
        AND (telling.token, telling.sequence) >= (gap.token, gap.sequence)
        AND (telling.token, telling.sequence) <= (next_token, next_sequence)
        AND (telling.token, telling.sequence, telling.at_ms) > (gap.token, gap.sequence, gap.at_ms)
        AND (telling.token, telling.sequence, telling.at_ms) <= (next_token, next_sequence, next_ms)
        AND (given.token IS NULL OR (telling.token, telling.sequence) > (given.token, given.sequence))
        AND (
            telling.token <> gap.token
            OR coalesce(
                telling.first > CASE WHEN telling.sequence > gap.sequence THEN gap.sequence ELSE lower_sequence END, true
            )
        )
) AS unnamed
WHERE newest IS NOT NULL;

-- name: stretches
SELECT site_id, region_id, from_ms, until_ms, interval_ms, patience_ms
FROM sitemon.schedule_stretch
WHERE (site_id, region_id) IN (SELECT * FROM unnest(%(site_ids)s::integer[], %(region_ids)s::integer[]));

-- name: changes_left
-- How many closed slots of these sites events may still change: none at worst, and each second one more.
SELECT site_id, region_id, greatest(0, %(most)s - greatest(0, budget_full_ms - %(closed_ms)s) / 1000)
FROM sitemon.watch
WHERE (site_id, region_id) IN (SELECT * FROM unnest(%(site_ids)s::integer[], %(region_ids)s::integer[]));

-- name: forget_stretches
DELETE FROM sitemon.schedule_stretch
WHERE (site_id, region_id) IN (SELECT * FROM unnest(%(site_ids)s::integer[], %(region_ids)s::integer[]));

-- name: add_stretches
INSERT INTO sitemon.schedule_stretch (site_id, region_id, from_ms, until_ms, interval_ms, patience_ms)
SELECT *
FROM unnest(
    %(site_ids)s::integer[],
    %(region_ids)s::integer[],
    %(from_ms)s::bigint[],
    %(until_ms)s::bigint[],
    %(interval_ms)s::bigint[],
    %(patience_ms)s::bigint[]
);

-- name: move_watches
INSERT INTO sitemon.watch (site_id, region_id, token, sequence, at_ms, budget_full_ms, labels)
SELECT
    given.site_id,
    given.region_id,
    given.token,
    given.sequence,
    given.at_ms,
    %(closed_ms)s + given.changed * 1000,
    (
        SELECT labels
        FROM sitemon.schedule_event AS event
        WHERE (event.site_id, event.region_id) = (given.site_id, given.region_id)
            AND (event.token, event.sequence) = (given.token, given.sequence)
        ORDER BY event.at_ms DESC
        LIMIT 1
    )
FROM unnest(
    %(site_ids)s::integer[],
    %(region_ids)s::integer[],
    %(tokens)s::bigint[],
    %(sequences)s::bigint[],
    %(at_ms)s::bigint[],
    %(changed)s::bigint[]
) AS given (site_id, region_id, token, sequence, at_ms, changed)
ON CONFLICT (site_id, region_id) DO UPDATE SET
    token = excluded.token,
    sequence = excluded.sequence,
    at_ms = excluded.at_ms,
    budget_full_ms = greatest(watch.budget_full_ms, %(closed_ms)s) + excluded.budget_full_ms - %(closed_ms)s,
    labels = excluded.labels;
