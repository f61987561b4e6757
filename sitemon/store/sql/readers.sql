-- name: is_guarded
-- In a schema of the guard's nobody else makes functions, which would run as us.
SELECT
FROM pg_catalog.pg_proc
JOIN pg_catalog.pg_namespace ON pg_namespace.oid = pronamespace
WHERE nspname = 'sitemon_guard'
    AND nspowner = to_regrole('sitemon_guard')
    AND proname = 'end_old_readers'
    AND pronargs = 0;

-- name: end_old_readers
SELECT sitemon_guard.end_old_readers();
