-- name: dark_stretches
-- Those that the account has come to, as far as rows are kept: whatever reigns say of earlier time, nothing follows.
SELECT greatest(from_ms, raw_from_ms), until_ms
FROM sitemon.dark_stretch
CROSS JOIN (SELECT sitemon.to_ms(raw_from_at) AS raw_from_ms FROM sitemon.watermark) AS kept
WHERE from_ms <= %(closed_ms)s AND until_ms > raw_from_ms
ORDER BY 1;

-- name: kept_dark_stretches
-- The same in the regions that have a schedule. The table has from_ms < slot <= until_ms.
SELECT greatest(from_ms + 1, raw_from_ms), until_ms + 1
FROM sitemon.away
CROSS JOIN (SELECT sitemon.to_ms(raw_from_at) AS raw_from_ms FROM sitemon.watermark) AS kept
WHERE is_derived AND until_ms >= raw_from_ms
GROUP BY 1, 2
ORDER BY 1;

-- name: forget_dark_stretches
-- All but these.
DELETE FROM sitemon.away
WHERE is_derived
    AND (from_ms, until_ms) NOT IN (
        SELECT dark.from_ms - 1, dark.until_ms - 1
        FROM unnest(%(from_ms)s::bigint[], %(until_ms)s::bigint[]) AS dark (from_ms, until_ms)
    );

-- name: keep_dark_stretches
-- What is not kept yet of these. Of a region without schedule nothing is expected, and results can name thousands; events
-- can schedule as many: of these the oldest come first. Each is looked for by itself, as there are far more stretches.
WITH RECURSIVE scheduled AS (
    SELECT min(region_id) AS region_id, 1 AS number FROM sitemon.schedule_stretch
    UNION ALL
    SELECT
        (
            SELECT min(stretch.region_id)
            FROM sitemon.schedule_stretch AS stretch
            WHERE stretch.region_id > scheduled.region_id
        ),
        number + 1
    FROM scheduled
    WHERE region_id IS NOT NULL AND number < %(regions)s
)
INSERT INTO sitemon.away (region_id, from_ms, until_ms, is_derived)
SELECT region_id, dark.from_ms - 1, dark.until_ms - 1, true
FROM unnest(%(from_ms)s::bigint[], %(until_ms)s::bigint[]) AS dark (from_ms, until_ms)
CROSS JOIN scheduled
WHERE region_id IS NOT NULL
EXCEPT
SELECT region_id, from_ms, until_ms, is_derived FROM sitemon.away;
