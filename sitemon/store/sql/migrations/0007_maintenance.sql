-- Maintenance: windows in which failures of a site open no incident, and its rows are counted apart.

SET LOCAL lock_timeout = '4s';
SET LOCAL statement_timeout = '5min';

-- Windows -------------------------------------------------------------------------------------------------------------

-- Slots of a site with from_at <= slot < until_at. One number may stand for several sites. Those of the configuration
-- were written down ahead by an alerter. One that was withdrawn is empty: it ends where it begins.
CREATE SEQUENCE sitemon.maintenance_number AS integer;

CREATE TABLE sitemon.maintenance_window (
    maintenance_id integer NOT NULL,
    site_id integer NOT NULL REFERENCES sitemon.site,
    from_at timestamptz NOT NULL,
    until_at timestamptz NOT NULL CHECK (until_at >= from_at),
    is_configured boolean NOT NULL DEFAULT false,
    reason text,
    declared_by text,
    declared_at timestamptz NOT NULL DEFAULT now(),
    stopped_at timestamptz,
    PRIMARY KEY (maintenance_id, site_id)
);

-- Queries add_stretches and cut_configured: the windows of a site.
CREATE INDEX maintenance_window_by_site ON sitemon.maintenance_window (site_id, until_at);

-- What they come to: of a site no two overlap or touch. Made anew in each transaction that changes its windows.
CREATE TABLE sitemon.maintenance_stretch (
    site_id integer NOT NULL REFERENCES sitemon.site,
    from_at timestamptz NOT NULL,
    until_at timestamptz NOT NULL,
    PRIMARY KEY (site_id, from_at)
);

-- What the configuration says of a site, as alerters found it last, and up to when its windows are written down.
CREATE TABLE sitemon.maintenance_plan (
    site_id integer PRIMARY KEY REFERENCES sitemon.site,
    rules jsonb NOT NULL,
    planned_until_at timestamptz NOT NULL
);

CREATE VIEW sitemon.maintenance AS
SELECT
    maintenance_id,
    site.name AS site,
    from_at,
    until_at,
    CASE
        WHEN until_at = from_at THEN 'withdrawn'
        WHEN now() < from_at THEN 'planned'
        WHEN now() < until_at THEN 'running'
        ELSE 'over'
    END AS state,
    is_configured,
    reason,
    declared_by,
    declared_at,
    stopped_at
FROM sitemon.maintenance_window AS maintenance
JOIN sitemon.site ON site.site_id = maintenance.site_id;

COMMENT ON VIEW sitemon.maintenance IS
    'Windows of maintenance, a row for each site: slots with from_at <= slot_at < until_at. Those with is_configured follow '
    'from the configuration. One that is withdrawn counts for nothing.';

-- Uptime --------------------------------------------------------------------------------------------------------------

-- Results in a window count here, and in no other column.
ALTER TABLE sitemon.count_hour ADD COLUMN maintenance integer NOT NULL DEFAULT 0;
ALTER TABLE sitemon.count_day ADD COLUMN maintenance integer NOT NULL DEFAULT 0;

-- Null where nothing is left to count.
CREATE OR REPLACE FUNCTION sitemon.uptime_of(up bigint, degraded bigint, down bigint, missed bigint)
RETURNS TABLE (uptime_low numeric, uptime_high numeric, coverage numeric)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT
        round((up + degraded)::numeric / nullif(up + degraded + down + missed, 0), 6),
        round((up + degraded + missed)::numeric / nullif(up + degraded + down + missed, 0), 6),
        round((up + degraded + down)::numeric / nullif(up + degraded + down + missed, 0), 6);
END;

CREATE OR REPLACE VIEW sitemon.counted_result AS
SELECT
    result.site_id,
    result.region_id,
    result.slot_at,
    sitemon.hour_of(result.slot_at) AS hour_at,
    (outcome = 'up' AND stretch.site_id IS NULL)::integer AS up,
    (outcome = 'degraded' AND stretch.site_id IS NULL)::integer AS degraded,
    (outcome = 'down' AND stretch.site_id IS NULL)::integer AS down,
    (outcome = 'missed' AND stretch.site_id IS NULL)::integer AS missed,
    CASE WHEN outcome <> 'missed' THEN sitemon.latency_bucket(latency_s) END AS bucket,
    (stretch.site_id IS NOT NULL)::integer AS maintenance
FROM sitemon.result
LEFT JOIN sitemon.maintenance_stretch AS stretch
    ON stretch.site_id = result.site_id AND result.slot_at >= stretch.from_at AND result.slot_at < stretch.until_at
WHERE kind <> 'adhoc';

CREATE OR REPLACE VIEW sitemon.counted_hour AS
SELECT site_id, region_id, site.name AS site, region.name AS region, hour_at, up, degraded, down, missed, maintenance
FROM sitemon.count_hour
LEFT JOIN sitemon.site USING (site_id)
LEFT JOIN sitemon.region USING (region_id)
UNION ALL
SELECT site_id, region_id, site.name, region.name, hour_at, up, degraded, down, missed, maintenance
FROM sitemon.counted_result
LEFT JOIN sitemon.site USING (site_id)
LEFT JOIN sitemon.region USING (region_id)
WHERE slot_at >= (SELECT hours_until_at FROM sitemon.watermark)
UNION ALL
SELECT site_id, region_id, site.name, region.name, hour_at, 0, 0, 0, missed, 0
FROM sitemon.away_hour
LEFT JOIN sitemon.site USING (site_id)
LEFT JOIN sitemon.region USING (region_id);

CREATE OR REPLACE VIEW sitemon.counted_day AS
SELECT site_id, region_id, site.name AS site, region.name AS region, day, up, degraded, down, missed, maintenance
FROM sitemon.count_day
LEFT JOIN sitemon.site USING (site_id)
LEFT JOIN sitemon.region USING (region_id)
UNION ALL
SELECT site_id, region_id, site, region, sitemon.day_of(hour_at), up, degraded, down, missed, maintenance
FROM sitemon.counted_hour
WHERE hour_at >= (SELECT days_until::timestamp AT TIME ZONE 'UTC' FROM sitemon.watermark)
UNION ALL
SELECT site_id, region_id, site.name, region.name, sitemon.day_of(hour_at), 0, 0, 0, missed, 0
FROM sitemon.away_hour
LEFT JOIN sitemon.site USING (site_id)
LEFT JOIN sitemon.region USING (region_id)
WHERE hour_at < (SELECT days_until::timestamp AT TIME ZONE 'UTC' FROM sitemon.watermark);

CREATE OR REPLACE VIEW sitemon.uptime_hourly AS
SELECT
    site,
    region,
    hour_at,
    up,
    degraded,
    down,
    missed,
    uptime_low,
    uptime_high,
    coverage,
    p50_s,
    p95_s,
    p99_s,
    maintenance
FROM (
    SELECT
        site_id,
        region_id,
        site,
        region,
        hour_at,
        sum(up)::bigint AS up,
        sum(degraded)::bigint AS degraded,
        sum(down)::bigint AS down,
        sum(missed)::bigint AS missed,
        sum(maintenance)::bigint AS maintenance
    FROM sitemon.counted_hour
    GROUP BY site_id, region_id, site, region, hour_at
    HAVING sum(up + degraded + down + missed + maintenance) > 0
) AS counted
CROSS JOIN LATERAL sitemon.uptime_of(up, degraded, down, missed)
-- An outer join, so that who does not ask for percentiles does not pay for them.
LEFT JOIN LATERAL (
    SELECT array_agg(bucket) AS buckets, array_agg(checks) AS checks
    FROM sitemon.counted_latency_hour AS latency
    WHERE (latency.site_id, latency.region_id, latency.hour_at) = (counted.site_id, counted.region_id, counted.hour_at)
) AS latency ON true
CROSS JOIN LATERAL sitemon.percentiles_s(latency.buckets, latency.checks);

COMMENT ON VIEW sitemon.uptime_hourly IS
    'Counts of outcomes by the hour (UTC). uptime_low takes what was missed as down, uptime_high as up; '
    'coverage is how much was looked at; p50_s, p95_s, p99_s are latencies within one bucket of 19 %. '
    'Results in maintenance count in that column alone: an hour with no others has no uptime.';

CREATE OR REPLACE VIEW sitemon.uptime_daily AS
SELECT
    site,
    region,
    day,
    up,
    degraded,
    down,
    missed,
    uptime_low,
    uptime_high,
    coverage,
    p50_s,
    p95_s,
    p99_s,
    maintenance
FROM (
    SELECT
        site_id,
        region_id,
        site,
        region,
        day,
        sum(up)::bigint AS up,
        sum(degraded)::bigint AS degraded,
        sum(down)::bigint AS down,
        sum(missed)::bigint AS missed,
        sum(maintenance)::bigint AS maintenance
    FROM sitemon.counted_day
    GROUP BY site_id, region_id, site, region, day
    HAVING sum(up + degraded + down + missed + maintenance) > 0
) AS counted
CROSS JOIN LATERAL sitemon.uptime_of(up, degraded, down, missed)
LEFT JOIN LATERAL (
    SELECT array_agg(bucket) AS buckets, array_agg(checks) AS checks
    FROM sitemon.counted_latency_day AS latency
    WHERE (latency.site_id, latency.region_id, latency.day) = (counted.site_id, counted.region_id, counted.day)
) AS latency ON true
CROSS JOIN LATERAL sitemon.percentiles_s(latency.buckets, latency.checks);

DROP VIEW sitemon.uptime_recent;
DROP MATERIALIZED VIEW sitemon.kept_recent;

CREATE MATERIALIZED VIEW sitemon.kept_recent AS
SELECT site, region, days, up, degraded, down, missed, uptime_low, uptime_high, coverage, maintenance
FROM (
    SELECT
        site_id,
        region_id,
        days,
        sum(up)::bigint AS up,
        sum(degraded)::bigint AS degraded,
        sum(down)::bigint AS down,
        sum(missed)::bigint AS missed,
        sum(maintenance)::bigint AS maintenance
    FROM unnest(ARRAY[1, 7, 30, 90]) AS days
    JOIN sitemon.counted_day ON day > sitemon.day_of(now()) - days
    GROUP BY site_id, region_id, days
    HAVING sum(up + degraded + down + missed + maintenance) > 0
) AS counted
JOIN (SELECT site_id, name AS site FROM sitemon.site) AS site USING (site_id)
JOIN (SELECT region_id, name AS region FROM sitemon.region) AS region USING (region_id)
CROSS JOIN LATERAL sitemon.uptime_of(up, degraded, down, missed);

-- Query refresh_recent, which needs it, and the uptime of all sites or of one.
CREATE UNIQUE INDEX kept_recent_once ON sitemon.kept_recent (days, site, region);

COMMENT ON MATERIALIZED VIEW sitemon.kept_recent IS 'uptime_recent, as it was at recent_until_at of watermark.';

CREATE VIEW sitemon.uptime_recent AS
SELECT
    site,
    region,
    days,
    up,
    degraded,
    down,
    missed,
    uptime_low,
    uptime_high,
    coverage,
    nullif(recent_until_at, '-infinity') AS as_of,
    maintenance
FROM sitemon.kept_recent
-- It has one row; a planner without statistics would take it for a thousand.
CROSS JOIN (SELECT recent_until_at FROM sitemon.watermark LIMIT 1) AS watermark;

COMMENT ON VIEW sitemon.uptime_recent IS
    'Uptime of today and of the last 7, 30 and 90 days (UTC), today included, as it was at as_of, the last quarter of an '
    'hour; null: it is about to be counted anew.';

-- State ---------------------------------------------------------------------------------------------------------------

CREATE OR REPLACE VIEW sitemon.site_status AS
SELECT
    site.name AS site,
    region.name AS region,
    coalesce(target.url, '') AS url,
    state.outcome::text AS outcome,
    state.since_at,
    state.slot_at,
    state.checked_at,
    reason.name AS reason,
    state.http_code,
    state.latency_s,
    -- No longer scheduled, though it was: it was taken out of the configuration.
    is_ended,
    CASE WHEN maintained.site_id IS NOT NULL THEN 'maintenance' WHEN is_unseen THEN 'unknown' ELSE state.outcome::text END
        AS state,
    CASE
        WHEN maintained.site_id IS NOT NULL THEN maintained.from_at
        WHEN NOT is_unseen THEN state.since_at
        WHEN state.outcome = 'missed' THEN state.since_at
        WHEN stretch.site_id IS NULL THEN state.slot_at + (state.slot_at - before.slot_at)
        ELSE sitemon.from_ms(
            CASE
                WHEN sitemon.to_ms(state.slot_at) >= stretch.from_ms
                    THEN stretch.from_ms + stretch.interval_ms
                        * ((sitemon.to_ms(state.slot_at) - stretch.from_ms) / stretch.interval_ms + 1)
                ELSE stretch.from_ms
            END
        )
    END AS state_since,
    state.seen_slot_at AS seen_at,
    coalesce(stretch.interval_ms / 1000.0, extract(epoch FROM state.slot_at - before.slot_at))::double precision
        AS interval_s,
    coalesce(watch.labels, '{}') AS labels
FROM sitemon.current_state AS state
FULL JOIN (
    SELECT
        site_id,
        region_id,
        from_ms,
        interval_ms,
        now_ms,
        CASE
            WHEN now_ms - patience_ms >= from_ms
                THEN sitemon.from_ms(from_ms + (now_ms - patience_ms - from_ms) / interval_ms * interval_ms)
        END AS due_at
    FROM sitemon.schedule_stretch
    CROSS JOIN (SELECT sitemon.to_ms(now()) AS now_ms) AS moment
    WHERE until_ms = 9223372036854775807
) AS stretch ON stretch.site_id = state.site_id AND stretch.region_id = state.region_id
LEFT JOIN sitemon.watch
    ON watch.site_id = coalesce(state.site_id, stretch.site_id)
    AND watch.region_id = coalesce(state.region_id, stretch.region_id)
-- What a monitor looks at is in no schedule: its interval is the time between its last two results.
LEFT JOIN LATERAL (
    SELECT max(result.slot_at) AS slot_at
    FROM sitemon.result
    WHERE result.site_id = state.site_id
        AND result.region_id = state.region_id
        AND result.kind = 'monitor'
        AND result.slot_at < state.slot_at
        AND result.slot_at >= state.slot_at - '1 day'::interval
) AS before ON state.kind = 'monitor' AND stretch.site_id IS NULL
JOIN sitemon.site ON site.site_id = coalesce(state.site_id, stretch.site_id)
JOIN sitemon.region ON region.region_id = coalesce(state.region_id, stretch.region_id)
LEFT JOIN (
    SELECT site_id, from_at FROM sitemon.maintenance_stretch WHERE from_at <= now() AND until_at > now()
) AS maintained ON maintained.site_id = site.site_id
LEFT JOIN sitemon.target ON target.target_id = state.target_id
LEFT JOIN sitemon.reason ON reason.reason_id = state.reason_id
CROSS JOIN LATERAL (
    SELECT
        stretch.site_id IS NULL
        AND watch.site_id IS NOT NULL
        AND watch.at_ms >= sitemon.to_ms(state.slot_at) AS is_ended,
        state.outcome IS NULL
        OR state.outcome = 'missed'
        OR coalesce(state.slot_at < stretch.due_at, false)
        -- Looked at by a clock that was ahead: it says nothing of now.
        OR coalesce(sitemon.to_ms(state.slot_at) > stretch.now_ms + stretch.interval_ms, false)
        OR coalesce(now() > state.slot_at + 2 * (state.slot_at - before.slot_at) + '72 s'::interval, false) AS is_unseen
) AS found;

COMMENT ON VIEW sitemon.site_status IS
    'Each site in each region: its newest result, and since when the outcome is what it is, not counting what was '
    'missed. state is unknown as soon as the newest expected slot was missed or is older than its patience, of what a '
    'monitor looks at, 72 s after it should have looked twice; in a window it is maintenance, whatever is seen or not; '
    'seen_at is the newest slot at which somebody looked; '
    'interval_s is how often somebody should, null of what is scheduled no longer. '
    'Not of adhoc checks.';

-- Dependencies --------------------------------------------------------------------------------------------------------

-- Nobody is told of an incident with is_held; `behind` is the name of the site behind which it lies, or lay.
ALTER TABLE sitemon.incident
    ADD COLUMN is_held boolean NOT NULL DEFAULT false,
    ADD COLUMN behind text;

-- Query held_incidents: those that may have to be told. One that was over while it lay behind another never is.
CREATE INDEX incident_held ON sitemon.incident (incident_id)
WHERE is_held AND withdrawn_at IS NULL AND (ended_at IS NULL OR behind IS NULL);

CREATE OR REPLACE VIEW sitemon.incidents AS
SELECT
    incident.incident_id,
    site.name AS site,
    incident.started_at,
    incident.ended_at,
    incident.regions,
    incident.reason,
    incident.http_code,
    incident.error,
    incident.decided_at,
    incident.withdrawn_at,
    incident.acknowledged_at,
    incident.acknowledged_by,
    incident.behind
FROM sitemon.incident
JOIN sitemon.site ON site.site_id = incident.site_id;

COMMENT ON VIEW sitemon.incidents IS
    'Stretches in which a site was down, by its thresholds: from the first failure to the first good result, in regions. '
    'reason, http_code and error are of the first failure. Of one with withdrawn_at, late results or maintenance say that '
    'it never was. Of one that is behind another site, which it depends on and which was down, nobody was told.';
