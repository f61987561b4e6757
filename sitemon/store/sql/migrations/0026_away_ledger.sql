-- The ledger of a region with very many away stretches.

SET LOCAL lock_timeout = '4s';
SET LOCAL statement_timeout = '30s';

CREATE OR REPLACE FUNCTION sitemon.ledger_between(from_at timestamptz, until_at timestamptz)
RETURNS TABLE (
    site text,
    region text,
    hour_at timestamptz,
    expected bigint,
    "real" bigint,
    missed bigint,
    told bigint,
    derived bigint,
    lost bigint,
    unaccounted bigint,
    unexpected bigint
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
    WITH stretch_of_time AS MATERIALIZED (
        SELECT
            greatest(
                sitemon.to_ms(greatest(sitemon.hour_of(greatest(from_at, '1970-01-01Z')), raw_from_at)),
                account.from_ms
            ) AS from_ms,
            sitemon.to_ms(least(until_at, now() + '2 days'::interval)) AS until_ms,
            closed_ms
        FROM sitemon.watermark
        CROSS JOIN sitemon.account
        -- Each has one row; a planner without statistics would take it for a million.
        LIMIT 1
    ), schedule AS MATERIALIZED (
        -- A slot is due for the ledger once the account is closed beyond its patience.
        SELECT
            stretch.site_id,
            stretch.region_id,
            stretch.interval_ms,
            stretch.from_ms AS first_ms,
            stretch.until_ms AS ended_ms,
            greatest(stretch.from_ms, span.from_ms) AS from_ms,
            least(stretch.until_ms, span.until_ms, span.closed_ms - stretch.patience_ms + 1) AS until_ms
        FROM sitemon.schedule_stretch AS stretch
        CROSS JOIN stretch_of_time AS span
    ), expected AS (
        SELECT
            site_id,
            region_id,
            hour,
            sitemon.slots_between(
                first_ms,
                interval_ms,
                greatest(from_ms, hour * 3600000),
                least(until_ms, (hour + 1) * 3600000)
            ) AS slots
        FROM schedule
        CROSS JOIN LATERAL generate_series(from_ms / 3600000, (until_ms - 1) / 3600000) AS hour
        WHERE from_ms < until_ms
    ), seen AS (
        -- One row of each scheduled result; of one that no stretch asks for, without first_ms.
        SELECT
            result.site_id,
            result.region_id,
            result.slot_ms,
            result.slot_ms / 3600000 AS hour,
            result.outcome,
            result.is_derived,
            result.is_derived AND result.reason_id = lost.reason_id AS is_lost,
            -- A result may be recorded before the event that asks for its slot is read, or taken in.
            schedule.first_ms IS NULL
            AND result.slot_ms <= span.closed_ms
            AND changed_watch.site_id IS NULL AS is_unexpected,
            result.slot_ms < schedule.until_ms AS is_due
        FROM (
            SELECT site_id, region_id, outcome, is_derived, reason_id, sitemon.to_ms(slot_at) AS slot_ms
            FROM sitemon.result
            WHERE kind = 'scheduled'
                AND slot_at >= (SELECT sitemon.from_ms(from_ms) FROM stretch_of_time)
                AND slot_at < (SELECT sitemon.from_ms(until_ms) FROM stretch_of_time)
        ) AS result
        CROSS JOIN stretch_of_time AS span
        CROSS JOIN (SELECT reason_id FROM sitemon.reason WHERE name = 'lost') AS lost
        LEFT JOIN schedule
            ON schedule.site_id = result.site_id
            AND schedule.region_id = result.region_id
            AND result.slot_ms >= schedule.first_ms
            AND result.slot_ms < schedule.ended_ms
            AND (result.slot_ms - schedule.first_ms) % schedule.interval_ms = 0
        LEFT JOIN sitemon.changed_watch
            ON changed_watch.site_id = result.site_id AND changed_watch.region_id = result.region_id
    ), away AS MATERIALIZED (
        -- Of each region and hour one value, which is searched: there may be a thousand stretches in it.
        SELECT
            region_id,
            hour,
            range_agg(
                int8range(greatest(away.from_ms, hour * 3600000), least(away.until_ms, (hour + 1) * 3600000))
            ) AS slots_ms
        FROM sitemon.away_stretch AS away
        CROSS JOIN stretch_of_time AS span
        CROSS JOIN LATERAL generate_series(
            greatest(away.from_ms, span.from_ms) / 3600000, (least(away.until_ms, span.until_ms) - 1) / 3600000
        ) AS hour
        GROUP BY region_id, hour
    ), line AS (
        SELECT
            site_id, region_id, hour, slots AS expected, 0 AS "real", 0 AS told, 0 AS derived, 0 AS lost, 0 AS unexpected
        FROM expected
        WHERE slots > 0
        UNION ALL
        SELECT
            site_id,
            region_id,
            hour,
            0,
            count(*) FILTER (WHERE is_due AND outcome <> 'missed'),
            count(*) FILTER (WHERE is_due AND outcome = 'missed' AND NOT is_derived),
            count(*) FILTER (WHERE is_due AND is_derived),
            count(*) FILTER (WHERE is_due AND is_lost),
            count(*) FILTER (WHERE is_unexpected)
        FROM seen
        WHERE is_due OR is_unexpected
        GROUP BY site_id, region_id, hour
        UNION ALL
        SELECT site_id, region_id, hour, 0, 0, 0, slots, 0, 0
        FROM schedule
        JOIN away USING (region_id)
        CROSS JOIN LATERAL (
            SELECT
                sum(
                    sitemon.slots_between(
                        first_ms, interval_ms, greatest(lower(piece), from_ms), least(upper(piece), until_ms)
                    )
                ) AS slots
            FROM unnest(slots_ms) AS piece
        ) AS asked
        WHERE lower(slots_ms) < until_ms AND upper(slots_ms) > from_ms
        UNION ALL
        -- Slots in an away stretch that have a row all the same.
        SELECT site_id, region_id, hour, 0, 0, 0, -count(*), 0, 0
        FROM seen
        JOIN away USING (region_id, hour)
        WHERE is_due AND slots_ms @> slot_ms
        GROUP BY site_id, region_id, hour
    )
    SELECT
        site.name,
        region.name,
        sitemon.from_ms(hour * 3600000),
        sum(expected)::bigint,
        sum("real")::bigint,
        sum(told + derived)::bigint,
        sum(told)::bigint,
        sum(derived)::bigint,
        sum(lost)::bigint,
        sum(expected - "real" - told - derived)::bigint,
        sum(unexpected)::bigint
    FROM line
    JOIN sitemon.site USING (site_id)
    JOIN sitemon.region USING (region_id)
    GROUP BY site.name, region.name, hour
    ORDER BY hour, site.name, region.name;
END;
