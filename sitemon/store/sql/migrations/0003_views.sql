-- The SQL API, which role sitemon_reader may read, and the views behind it.

SET LOCAL lock_timeout = '4s';
SET LOCAL statement_timeout = '30s';

-- Results ------------------------------------------------------------------------------------------------------

CREATE VIEW sitemon.results AS
SELECT
    site.name AS site,
    target.url,
    region.name AS region,
    result.kind::text AS kind,
    result.slot_at,
    result.checked_at,
    result.outcome::text AS outcome,
    reason.name AS reason,
    result.http_code,
    result.latency_s,
    result.dns_s,
    result.connect_s,
    result.tls_s,
    result.first_byte_s,
    result.download_s,
    target.match,
    result.is_match_found,
    host(result.ip) AS ip,
    result.http_version,
    result.redirects,
    result.body_bytes,
    result.cert_expires_at,
    result.error
FROM sitemon.result
JOIN sitemon.site ON site.site_id = result.site_id
JOIN sitemon.region ON region.region_id = result.region_id
JOIN sitemon.target ON target.target_id = result.target_id
LEFT JOIN sitemon.reason ON reason.reason_id = result.reason_id;

COMMENT ON VIEW sitemon.results IS
    'Every result that is still kept, with the names of the message; phases in seconds.';

-- The schedule ---------------------------------------------------------------------------------------------------

-- Its slots are from_ms + k * interval_ms with slot < until_ms: a slot at the very moment of the next event still
-- belongs to it.
CREATE VIEW sitemon.schedule_stretch AS
SELECT site_id, region_id, interval_ms, from_ms, until_ms
FROM (
    SELECT
        site_id,
        region_id,
        interval_ms,
        from_ms,
        coalesce(
            lead(at_ms) OVER (PARTITION BY site_id, region_id ORDER BY at_ms) + 1,
            9223372036854775807
        ) AS until_ms
    FROM sitemon.schedule_event
) AS event
WHERE interval_ms IS NOT NULL AND until_ms > from_ms;

-- Away stretches as from_ms <= slot < until_ms, without overlaps, cut to what there are raw rows for.
CREATE VIEW sitemon.away_stretch AS
SELECT region_id, lower(stretch) AS from_ms, upper(stretch) AS until_ms
FROM (
    SELECT
        region_id,
        unnest(
            range_agg(int8range(from_ms + 1, greatest(until_ms, from_ms) + 1))
            * int8multirange(int8range((SELECT sitemon.to_ms(raw_from_at) FROM sitemon.watermark), NULL))
        ) AS stretch
    FROM sitemon.away
    GROUP BY region_id
) AS merged;

-- The pieces of the schedule that lie in away stretches, one for each hour; the slots of a piece are those of
-- first_ms + k * interval_ms with from_ms <= slot < until_ms.
CREATE VIEW sitemon.away_piece AS
SELECT
    schedule.site_id,
    schedule.region_id,
    hour,
    schedule.from_ms AS first_ms,
    schedule.interval_ms,
    greatest(away.from_ms, schedule.from_ms, hour * 3600000) AS from_ms,
    least(away.until_ms, schedule.until_ms, (hour + 1) * 3600000) AS until_ms
FROM sitemon.schedule_stretch AS schedule
JOIN sitemon.away_stretch AS away
    ON away.region_id = schedule.region_id
    AND away.from_ms < schedule.until_ms
    AND schedule.from_ms < away.until_ms
CROSS JOIN LATERAL generate_series(
    greatest(away.from_ms, schedule.from_ms) / 3600000,
    (least(away.until_ms, schedule.until_ms) - 1) / 3600000
) AS hour;

-- How many of a piece's slots have no row.
CREATE FUNCTION sitemon.slots_without_row(
    of_site_id integer, of_region_id integer, first_ms bigint, interval_ms bigint, start_ms bigint, end_ms bigint
) RETURNS integer
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT sitemon.slots_between(first_ms, interval_ms, start_ms, end_ms)::integer - count(*)::integer
    FROM sitemon.result
    WHERE result.site_id = of_site_id
        AND result.region_id = of_region_id
        AND result.slot_at >= sitemon.from_ms(start_ms)
        AND result.slot_at < sitemon.from_ms(end_ms)
        AND result.kind = 'scheduled'
        AND (sitemon.to_ms(result.slot_at) - first_ms) % interval_ms = 0;
END;

-- Uptime ---------------------------------------------------------------------------------------------------------

-- What each result counts for: 1 in the column of its outcome, and the bucket of its latency, if it has one. Rollups
-- are sums of these. A view and no function: who reads it through a view needs no right on the table.
CREATE VIEW sitemon.counted_result AS
SELECT
    site_id,
    region_id,
    slot_at,
    sitemon.hour_of(slot_at) AS hour_at,
    (outcome = 'up')::integer AS up,
    (outcome = 'degraded')::integer AS degraded,
    (outcome = 'down')::integer AS down,
    (outcome = 'missed')::integer AS missed,
    CASE WHEN outcome <> 'missed' THEN sitemon.latency_bucket(latency_s) END AS bucket
FROM sitemon.result
WHERE kind <> 'adhoc';

-- Hours and days as parts to be summed: what is rolled up, the results that are not yet, what was missed without a row.
-- Each part has the names itself, so that a condition on a name reaches its index; by outer joins, so that who asks
-- for no names does not pay for them.
CREATE VIEW sitemon.counted_hour AS
SELECT site_id, region_id, site.name AS site, region.name AS region, hour_at, up, degraded, down, missed
FROM sitemon.count_hour
LEFT JOIN sitemon.site USING (site_id)
LEFT JOIN sitemon.region USING (region_id)
UNION ALL
SELECT site_id, region_id, site.name, region.name, hour_at, up, degraded, down, missed
FROM sitemon.counted_result
LEFT JOIN sitemon.site USING (site_id)
LEFT JOIN sitemon.region USING (region_id)
WHERE slot_at >= (SELECT hours_until_at FROM sitemon.watermark)
UNION ALL
SELECT site_id, region_id, site.name, region.name, hour_at, 0, 0, 0, missed
FROM sitemon.away_hour
LEFT JOIN sitemon.site USING (site_id)
LEFT JOIN sitemon.region USING (region_id);

CREATE VIEW sitemon.counted_latency_hour AS
SELECT site_id, region_id, site.name AS site, region.name AS region, hour_at, bucket, checks
FROM sitemon.latency_hour
LEFT JOIN sitemon.site USING (site_id)
LEFT JOIN sitemon.region USING (region_id)
UNION ALL
SELECT site_id, region_id, site.name, region.name, hour_at, bucket, 1
FROM sitemon.counted_result
LEFT JOIN sitemon.site USING (site_id)
LEFT JOIN sitemon.region USING (region_id)
WHERE slot_at >= (SELECT hours_until_at FROM sitemon.watermark) AND bucket IS NOT NULL;

CREATE VIEW sitemon.counted_day AS
SELECT site_id, region_id, site.name AS site, region.name AS region, day, up, degraded, down, missed
FROM sitemon.count_day
LEFT JOIN sitemon.site USING (site_id)
LEFT JOIN sitemon.region USING (region_id)
UNION ALL
SELECT site_id, region_id, site, region, sitemon.day_of(hour_at), up, degraded, down, missed
FROM sitemon.counted_hour
WHERE hour_at >= (SELECT days_until::timestamp AT TIME ZONE 'UTC' FROM sitemon.watermark)
UNION ALL
SELECT site_id, region_id, site.name, region.name, sitemon.day_of(hour_at), 0, 0, 0, missed
FROM sitemon.away_hour
LEFT JOIN sitemon.site USING (site_id)
LEFT JOIN sitemon.region USING (region_id)
WHERE hour_at < (SELECT days_until::timestamp AT TIME ZONE 'UTC' FROM sitemon.watermark);

CREATE VIEW sitemon.counted_latency_day AS
SELECT site_id, region_id, site.name AS site, region.name AS region, day, bucket, checks
FROM sitemon.latency_day
LEFT JOIN sitemon.site USING (site_id)
LEFT JOIN sitemon.region USING (region_id)
UNION ALL
SELECT site_id, region_id, site, region, sitemon.day_of(hour_at), bucket, checks
FROM sitemon.counted_latency_hour
WHERE hour_at >= (SELECT days_until::timestamp AT TIME ZONE 'UTC' FROM sitemon.watermark);

CREATE VIEW sitemon.uptime_hourly AS
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
    p99_s
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
        sum(missed)::bigint AS missed
    FROM sitemon.counted_hour
    GROUP BY site_id, region_id, site, region, hour_at
    HAVING sum(up + degraded + down + missed) > 0
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
    'coverage is how much was looked at; p50_s, p95_s, p99_s are latencies within one bucket of 19 %.';

CREATE VIEW sitemon.uptime_daily AS
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
    p99_s
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
        sum(missed)::bigint AS missed
    FROM sitemon.counted_day
    GROUP BY site_id, region_id, site, region, day
    HAVING sum(up + degraded + down + missed) > 0
) AS counted
CROSS JOIN LATERAL sitemon.uptime_of(up, degraded, down, missed)
LEFT JOIN LATERAL (
    SELECT array_agg(bucket) AS buckets, array_agg(checks) AS checks
    FROM sitemon.counted_latency_day AS latency
    WHERE (latency.site_id, latency.region_id, latency.day) = (counted.site_id, counted.region_id, counted.day)
) AS latency ON true
CROSS JOIN LATERAL sitemon.percentiles_s(latency.buckets, latency.checks);

COMMENT ON VIEW sitemon.uptime_daily IS 'The same as uptime_hourly by the day (UTC).';

CREATE VIEW sitemon.latency_hourly AS
SELECT site, region, hour_at, bucket, checks FROM sitemon.counted_latency_hour;

COMMENT ON VIEW sitemon.latency_hourly IS
    'How many checks of an hour (UTC) took how long; a bucket may have several rows. The percentile of any stretch of '
    'time: sitemon.percentile_s(array_agg(bucket), array_agg(checks), 0.99).';

CREATE VIEW sitemon.latency_daily AS
SELECT site, region, day, bucket, checks FROM sitemon.counted_latency_day;

COMMENT ON VIEW sitemon.latency_daily IS 'The same as latency_hourly by the day (UTC).';

-- Kept, for a status page asks for it at each visit, and 90 days of 10,000 sites take longer to sum than to show.
CREATE MATERIALIZED VIEW sitemon.uptime_recent AS
SELECT site, region, days, up, degraded, down, missed, uptime_low, uptime_high, coverage
FROM (
    SELECT
        site_id,
        region_id,
        days,
        sum(up)::bigint AS up,
        sum(degraded)::bigint AS degraded,
        sum(down)::bigint AS down,
        sum(missed)::bigint AS missed
    FROM unnest(ARRAY[1, 7, 30, 90]) AS days
    JOIN sitemon.counted_day ON day > sitemon.day_of(now()) - days
    GROUP BY site_id, region_id, days
    HAVING sum(up + degraded + down + missed) > 0
) AS counted
JOIN (SELECT site_id, name AS site FROM sitemon.site) AS site USING (site_id)
JOIN (SELECT region_id, name AS region FROM sitemon.region) AS region USING (region_id)
CROSS JOIN LATERAL sitemon.uptime_of(up, degraded, down, missed);

-- Query refresh_recent, which needs it, and the uptime of all sites or of one.
CREATE UNIQUE INDEX uptime_recent_once ON sitemon.uptime_recent (days, site, region);

COMMENT ON MATERIALIZED VIEW sitemon.uptime_recent IS
    'Uptime of today and of the last 7, 30 and 90 days (UTC), today included, as it was at the last quarter of an hour.';

-- State ------------------------------------------------------------------------------------------------------------

CREATE VIEW sitemon.site_status AS
SELECT
    site.name AS site,
    region.name AS region,
    target.url,
    state.outcome::text AS outcome,
    state.since_at,
    state.slot_at,
    state.checked_at,
    reason.name AS reason,
    state.http_code,
    state.latency_s,
    -- No longer scheduled, and nothing seen since: it was taken out of the configuration.
    coalesce(last_event.interval_ms IS NULL AND last_event.at_ms >= sitemon.to_ms(state.slot_at), false) AS is_ended
FROM sitemon.current_state AS state
JOIN sitemon.site ON site.site_id = state.site_id
JOIN sitemon.region ON region.region_id = state.region_id
JOIN sitemon.target ON target.target_id = state.target_id
LEFT JOIN sitemon.reason ON reason.reason_id = state.reason_id
LEFT JOIN (
    SELECT DISTINCT ON (site_id, region_id) site_id, region_id, interval_ms, at_ms
    FROM sitemon.schedule_event
    ORDER BY site_id, region_id, at_ms DESC
) AS last_event ON last_event.site_id = state.site_id AND last_event.region_id = state.region_id;

COMMENT ON VIEW sitemon.site_status IS
    'The newest result of each site in each region, and since when the outcome is what it is. Not of adhoc checks.';

-- The ledger -------------------------------------------------------------------------------------------------------

-- A function, so that a range of hours costs what lies in it. It reads tables for those who may read only views.
CREATE FUNCTION sitemon.ledger_between(from_at timestamptz, until_at timestamptz)
RETURNS TABLE (
    site text,
    region text,
    hour_at timestamptz,
    expected bigint,
    "real" bigint,
    missed bigint,
    unaccounted bigint,
    unexpected bigint
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
    WITH stretch_of_time AS MATERIALIZED (
        SELECT
            sitemon.to_ms(greatest(sitemon.hour_of(greatest(from_at, '1970-01-01Z')), raw_from_at)) AS from_ms,
            sitemon.to_ms(least(until_at, now() + '2 days'::interval)) AS until_ms,
            sitemon.to_ms(now()) AS now_ms
        FROM sitemon.watermark
    ), schedule AS MATERIALIZED (
        -- A slot is due for the ledger once its interval and a minute have passed.
        SELECT
            stretch.site_id,
            stretch.region_id,
            stretch.interval_ms,
            stretch.from_ms AS first_ms,
            stretch.until_ms AS ended_ms,
            greatest(stretch.from_ms, span.from_ms) AS from_ms,
            least(stretch.until_ms, span.until_ms, span.now_ms - stretch.interval_ms - 60000 + 1) AS until_ms
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
    ), seen AS (
        -- One row of each scheduled result; of one that no stretch asks for, without first_ms.
        SELECT
            result.site_id,
            result.region_id,
            result.slot_ms / 3600000 AS hour,
            result.outcome,
            schedule.first_ms IS NULL AS is_unexpected,
            result.slot_ms < schedule.until_ms AS is_due
        FROM (
            SELECT result.site_id, result.region_id, result.outcome, sitemon.to_ms(result.slot_at) AS slot_ms
            FROM sitemon.result
            WHERE result.kind = 'scheduled'
                AND result.slot_at >= (SELECT sitemon.from_ms(from_ms) FROM stretch_of_time)
                AND result.slot_at < (SELECT sitemon.from_ms(until_ms) FROM stretch_of_time)
        ) AS result
        LEFT JOIN schedule
            ON schedule.site_id = result.site_id
            AND schedule.region_id = result.region_id
            AND result.slot_ms >= schedule.first_ms
            AND result.slot_ms < schedule.ended_ms
            AND (result.slot_ms - schedule.first_ms) % schedule.interval_ms = 0
    ), away AS (
        SELECT
            piece.site_id,
            piece.region_id,
            piece.hour,
            sitemon.slots_without_row(
                piece.site_id,
                piece.region_id,
                piece.first_ms,
                piece.interval_ms,
                piece.from_ms,
                least(piece.until_ms, span.now_ms - piece.interval_ms - 60000 + 1)
            ) AS missed
        FROM sitemon.away_piece AS piece
        CROSS JOIN stretch_of_time AS span
        WHERE piece.from_ms >= span.from_ms AND piece.until_ms <= span.until_ms
    ), line AS (
        SELECT site_id, region_id, hour, slots AS expected, 0 AS "real", 0 AS missed, 0 AS unexpected
        FROM expected
        WHERE slots > 0
        UNION ALL
        SELECT
            site_id,
            region_id,
            hour,
            0,
            count(*) FILTER (WHERE is_due AND outcome <> 'missed'),
            count(*) FILTER (WHERE is_due AND outcome = 'missed'),
            count(*) FILTER (WHERE is_unexpected)
        FROM seen
        WHERE is_due OR is_unexpected
        GROUP BY site_id, region_id, hour
        UNION ALL
        SELECT site_id, region_id, hour, 0, 0, missed, 0
        FROM away
    )
    SELECT
        site.name,
        region.name,
        sitemon.from_ms(hour * 3600000),
        sum(expected)::bigint,
        sum("real")::bigint,
        sum(missed)::bigint,
        sum(expected - "real" - missed)::bigint,
        sum(unexpected)::bigint
    FROM line
    JOIN sitemon.site USING (site_id)
    JOIN sitemon.region USING (region_id)
    GROUP BY site.name, region.name, hour
    ORDER BY hour, site.name, region.name;
END;

CREATE VIEW sitemon.ledger AS
SELECT site, region, hour_at, expected, "real", missed, unaccounted, unexpected
FROM sitemon.ledger_between('-infinity', 'infinity');

COMMENT ON VIEW sitemon.ledger IS
    'What the schedule''s history asks for against the rows there are, by the hour. expected = real + missed + '
    'unaccounted; missed includes the slots of away stretches; unexpected rows belong to no slot of the schedule.';

-- Scripts of the first version -----------------------------------------------------------------------------------

CREATE VIEW sitemon.site_info AS
SELECT url, match AS search_expression FROM sitemon.target;

COMMENT ON VIEW sitemon.site_info IS 'For scripts of the first version: what is looked at.';

CREATE VIEW sitemon.site_state AS
SELECT checked_at AS check_time, http_code, latency_s AS latency, is_match_found AS is_expression_found
FROM sitemon.result
WHERE outcome <> 'missed';

COMMENT ON VIEW sitemon.site_state IS 'For scripts of the first version: every check that is still kept.';
