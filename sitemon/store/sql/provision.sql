-- name: wait_for_other_provisioning
-- Locks belong to a database: this holds for administrators that use the same one, as they usually do.
SELECT pg_advisory_lock(hashtextextended('sitemon.provision', 0));

-- name: find_role
-- With its comment, which holds our mark.
SELECT rolsuper, shobj_description(oid, 'pg_authid') FROM pg_catalog.pg_roles WHERE rolname = %(name)s;

-- name: is_current_role
SELECT 1 WHERE current_user = %(name)s;

-- name: find_database
-- With its comment, which holds our mark.
SELECT shobj_description(oid, 'pg_database')
FROM pg_catalog.pg_database
WHERE datname = %(name)s;

-- name: end_sessions
SELECT pg_terminate_backend(pid)
FROM pg_catalog.pg_stat_activity
WHERE datname = %(database)s AND backend_type = 'client backend';

-- name: may_grant_on_database
SELECT 1
FROM pg_catalog.pg_database
WHERE datname = %(name)s AND pg_has_role(datdba, 'USAGE');

-- name: databases_needing_role
-- Other databases that a role owns, owns something in, or has rights in.
SELECT DISTINCT datname
FROM pg_catalog.pg_shdepend AS dependency
JOIN pg_catalog.pg_database AS database
    ON database.oid = CASE
        WHEN dependency.classid = 'pg_database'::regclass THEN dependency.objid
        ELSE dependency.dbid
    END
WHERE dependency.refclassid = 'pg_authid'::regclass
    AND dependency.refobjid = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = %(role)s)
    AND datname <> %(database)s
ORDER BY datname;

-- name: functions_that_stop_or_keep
SELECT oid::regprocedure::text
FROM pg_catalog.pg_proc
WHERE pronamespace = 'pg_catalog'::regnamespace
    AND (
        proname ~ '^pg_(try_)?advisory_'
        OR proname IN ('lo_creat', 'lo_create', 'lo_from_bytea', 'pg_export_snapshot', 'pg_logical_emit_message')
    );

-- name: make_guard
CREATE ROLE sitemon_guard NOLOGIN;
COMMENT ON ROLE sitemon_guard IS {mark};

-- name: guard_from_readers
-- In a schema of the guard's own, where nobody else makes functions or drops them, and by the guard itself: what somebody
-- made there before is neither called nor taken over.
GRANT pg_signal_backend, pg_read_all_stats TO sitemon_guard;
GRANT sitemon_guard TO CURRENT_USER;
CREATE SCHEMA IF NOT EXISTS sitemon_guard AUTHORIZATION sitemon_guard;
SET LOCAL ROLE sitemon_guard;
CREATE OR REPLACE FUNCTION sitemon_guard.end_old_readers() RETURNS bigint
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT count(*) FILTER (WHERE pg_terminate_backend(pid))
    FROM pg_stat_activity
    WHERE datid = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND backend_type = 'client backend'
        AND xact_start < now() - '15 minutes'::interval
        AND pg_has_role(usesysid, 'sitemon_reader', 'MEMBER')
        -- Who may become the caller is none of the readers: above all superusers, whom the guard may not end.
        AND NOT pg_has_role(usesysid, session_user, 'MEMBER')
$$;
REVOKE ALL ON FUNCTION sitemon_guard.end_old_readers() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sitemon_guard.end_old_readers() TO {recorder};
GRANT USAGE ON SCHEMA sitemon_guard TO {recorder};

-- name: is_superuser
SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = current_user AND rolsuper;

-- name: may_drop
-- A role may be dropped with CREATEROLE, from PostgreSQL 16 on also with ADMIN OPTION on it; a database by who owns
-- it or may make itself a member of its owner.
WITH me AS (
    SELECT rolsuper, rolcreaterole FROM pg_catalog.pg_roles WHERE rolname = current_user
), role AS (
    SELECT
        oid,
        me.rolsuper
        OR me.rolcreaterole AND (
            current_setting('server_version_num')::integer < 160000
            OR pg_has_role(pg_roles.oid, 'MEMBER WITH ADMIN OPTION')
        ) AS is_mine
    FROM pg_catalog.pg_roles
    CROSS JOIN me
    WHERE rolname = %(role)s
)
SELECT 1
WHERE NOT EXISTS (SELECT FROM role WHERE NOT is_mine)
    AND NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_database
        WHERE datname = %(database)s
            AND NOT pg_has_role(datdba, 'USAGE')
            AND NOT EXISTS (SELECT FROM role WHERE is_mine AND role.oid = datdba)
    );
