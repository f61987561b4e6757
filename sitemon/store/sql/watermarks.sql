-- name: watermarks
SELECT hours_until_at, days_until, day_site_id, day_region_id, raw_from_at FROM sitemon.watermark;

-- name: lock_alone
-- Taken by what moves the watermarks: no batch is in flight then. Behind who waits for it everybody waits who records, so
-- where a transaction holds it up for longer it is given up, until the next time.
SELECT
    set_config('lock_timeout', '4s', true),
    pg_advisory_xact_lock(hashtextextended('sitemon.watermark', 0));
