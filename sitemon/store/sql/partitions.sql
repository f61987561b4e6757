-- name: change_partitions_alone
SELECT
    set_config('lock_timeout', '4s', true),
    pg_advisory_xact_lock(hashtextextended('sitemon.partitions', 0));

-- name: wait_briefly
-- Behind what waits for a whole table, everybody waits who records into it.
SET LOCAL lock_timeout = '500ms';

-- name: existing_partitions
SELECT child.relname
FROM pg_catalog.pg_inherits
JOIN pg_catalog.pg_class AS child ON child.oid = inhrelid
WHERE inhparent IN (
    'sitemon.result'::regclass, 'sitemon.count_hour'::regclass, 'sitemon.latency_hour'::regclass
);

-- name: old_partitions
-- Names sort by time. Rows that are not in the rollups yet are not dropped.
SELECT child.relname
FROM pg_catalog.pg_inherits
JOIN pg_catalog.pg_class AS child ON child.oid = inhrelid
CROSS JOIN sitemon.watermark
WHERE (
        inhparent = 'sitemon.result'::regclass
        AND child.relname < %(first_raw)s
        AND child.relname < to_char(hours_until_at AT TIME ZONE 'UTC', '"result_"YYYYMMDD')
    )
    OR (
        inhparent IN ('sitemon.count_hour'::regclass, 'sitemon.latency_hour'::regclass)
        AND right(child.relname, 6) < %(first_month)s
        AND right(child.relname, 6) < to_char(days_until, 'YYYYMM')
    )
ORDER BY child.relname;

-- name: raw_from
UPDATE sitemon.watermark
SET raw_from_at = %(first_day)s::timestamp AT TIME ZONE 'UTC'
WHERE raw_from_at <> %(first_day)s::timestamp AT TIME ZONE 'UTC';

-- name: delete_days
DELETE FROM sitemon.count_day
WHERE ctid = ANY (ARRAY(SELECT ctid FROM sitemon.count_day WHERE day < %(first_day)s LIMIT %(most)s));

-- name: delete_latency_days
DELETE FROM sitemon.latency_day
WHERE ctid = ANY (ARRAY(SELECT ctid FROM sitemon.latency_day WHERE day < %(first_day)s LIMIT %(most)s));
