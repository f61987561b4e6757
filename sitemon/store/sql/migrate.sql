-- name: wait_for_other_migrations
SELECT pg_advisory_xact_lock(hashtextextended('sitemon.migrate', 0));

-- name: make_schema
-- An owner without the right to create schemas can still migrate one that is there.
DO $$
BEGIN
    IF to_regnamespace('sitemon') IS NULL THEN
        CREATE SCHEMA sitemon;
    END IF;
END
$$;
CREATE TABLE IF NOT EXISTS sitemon.migration (
    number integer PRIMARY KEY,
    name text NOT NULL UNIQUE,
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- name: is_provisioned
SELECT to_regclass('sitemon.migration') IS NOT NULL;

-- name: applied_migrations
SELECT number FROM sitemon.migration;

-- name: record_migration
INSERT INTO sitemon.migration (number, name) VALUES (%(number)s, %(name)s);

-- name: grant_to_reader
-- The role belongs to the cluster and may have been made after the schema.
DO $$
BEGIN
    IF to_regrole('sitemon_reader') IS NOT NULL THEN
        GRANT USAGE ON SCHEMA sitemon TO sitemon_reader;
        GRANT SELECT ON
            sitemon.results,
            sitemon.sites,
            sitemon.site_status,
            sitemon.uptime_hourly,
            sitemon.uptime_daily,
            sitemon.uptime_recent,
            sitemon.latency_hourly,
            sitemon.latency_daily,
            sitemon.ledger,
            sitemon.incidents,
            sitemon.alerts,
            sitemon.notes,
            sitemon.maintenance,
            sitemon.freshness,
            sitemon.certificates,
            sitemon.site_info,
            sitemon.site_state
        TO sitemon_reader;
    END IF;
END
$$;
