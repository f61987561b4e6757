-- What a region could not reach while it was offline counts as missed, and latencies within windows count for nothing.

SET LOCAL lock_timeout = '4s';
SET LOCAL statement_timeout = '30s';

-- Reasons for which the region's own network may be to blame.
ALTER TABLE sitemon.reason ADD COLUMN is_network boolean NOT NULL DEFAULT false;

UPDATE sitemon.reason SET is_network = true WHERE name IN ('timeout', 'dns_error', 'connect_error');

-- A failure of such a reason, in a slot of the region with from_at <= slot < until_at, says nothing of the site. Of a region
-- no two overlap.
CREATE VIEW sitemon.blind_stretch AS
SELECT region.region_id, reason.reason_id, outage.from_at, coalesce(outage.until_at, 'infinity') AS until_at
FROM sitemon.region_outage AS outage
JOIN sitemon.region ON region.name = outage.region
JOIN sitemon.reason ON reason.is_network;

-- Uptime and latencies --------------------------------------------------------------------------------------------------

-- What confirms counts for incidents alone.
CREATE OR REPLACE VIEW sitemon.counted_result AS
SELECT
    site_id,
    region_id,
    slot_at,
    sitemon.hour_of(slot_at) AS hour_at,
    (outcome = 'up' AND is_counted)::integer AS up,
    (outcome = 'degraded' AND is_counted)::integer AS degraded,
    -- Few are down: only of those it is looked up whether the region was offline.
    (outcome = 'down' AND is_counted AND NOT is_blind)::integer AS down,
    (outcome <> 'up' AND is_counted AND (outcome = 'missed' OR outcome = 'down' AND is_blind))::integer AS missed,
    CASE WHEN outcome <> 'missed' AND is_counted AND (outcome <> 'down' OR NOT is_blind)
        THEN sitemon.latency_bucket(latency_s)
    END AS bucket,
    (NOT is_counted)::integer AS maintenance
FROM (
    SELECT
        result.site_id,
        region_id,
        slot_at,
        outcome,
        latency_s,
        stretch.site_id IS NULL AS is_counted,
        EXISTS (
            SELECT
            FROM sitemon.blind_stretch AS blind
            WHERE blind.region_id = result.region_id
                AND blind.reason_id = result.reason_id
                AND result.slot_at >= blind.from_at
                AND result.slot_at < blind.until_at
        ) AS is_blind
    FROM sitemon.result
    LEFT JOIN sitemon.maintenance_stretch AS stretch
        ON stretch.site_id = result.site_id AND result.slot_at >= stretch.from_at AND result.slot_at < stretch.until_at
    WHERE kind NOT IN ('adhoc', 'confirm')
) AS placed;

CREATE OR REPLACE VIEW sitemon.results AS
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
    result.error,
    result.excerpt,
    -- No joins, so that who does not ask for it does not pay for it.
    CASE
        WHEN result.kind IN ('adhoc', 'confirm') THEN NULL
        WHEN EXISTS (
            SELECT
            FROM sitemon.maintenance_stretch AS stretch
            WHERE stretch.site_id = result.site_id
                AND result.slot_at >= stretch.from_at
                AND result.slot_at < stretch.until_at
        ) THEN 'maintenance'
        WHEN result.outcome = 'down' AND EXISTS (
            SELECT
            FROM sitemon.blind_stretch AS blind
            WHERE blind.region_id = result.region_id
                AND blind.reason_id = result.reason_id
                AND result.slot_at >= blind.from_at
                AND result.slot_at < blind.until_at
        ) THEN 'missed'
        ELSE result.outcome::text
    END AS counts_as
FROM sitemon.result
JOIN sitemon.site ON site.site_id = result.site_id
JOIN sitemon.region ON region.region_id = result.region_id
JOIN sitemon.target ON target.target_id = result.target_id
LEFT JOIN sitemon.reason ON reason.reason_id = result.reason_id;

COMMENT ON VIEW sitemon.results IS
    'Every result that is still kept, with the names of the message; phases in seconds. counts_as is the column of the '
    'uptime views in which it counts: its outcome, maintenance, or missed if its region was offline; null of adhoc and '
    'confirm.';

COMMENT ON VIEW sitemon.uptime_hourly IS
    'Counts of outcomes by the hour (UTC). uptime_low takes what was missed as down, uptime_high as up; '
    'coverage is how much was looked at; p50_s, p95_s, p99_s are latencies within one bucket of 19 %. '
    'Results in maintenance count in that column alone: an hour with no others has no uptime. What an offline region could '
    'not reach is missed.';

COMMENT ON VIEW sitemon.latency_hourly IS
    'How many checks of an hour (UTC) took how long; a bucket may have several rows. The percentile of any stretch of '
    'time: sitemon.percentile_s(array_agg(bucket), array_agg(checks), 0.99). Not of checks in maintenance.';

-- State ---------------------------------------------------------------------------------------------------------------

-- Sites that are in a window.
CREATE VIEW sitemon.maintained_now AS
SELECT site_id, from_at FROM sitemon.maintenance_stretch WHERE from_at <= now() AND until_at > now();

-- Each site in each region as its newest result, the schedule and the region's connection say, maintenance left out.
CREATE VIEW sitemon.watch_state AS
SELECT
    state.site_id,
    state.region_id,
    site.name AS site,
    region.name AS region,
    state.target_id,
    state.outcome::text AS outcome,
    state.since_at,
    state.slot_at,
    state.checked_at,
    reason.name AS reason,
    state.http_code,
    state.latency_s,
    -- No longer scheduled, though it was: it was taken out of the configuration.
    is_ended,
    CASE WHEN is_unseen THEN 'unknown' ELSE state.outcome::text END AS state,
    CASE
        WHEN blind.from_at IS NOT NULL THEN greatest(state.since_at, blind.from_at)
        -- That it failed before the region was online again said nothing: the first slot since then does.
        WHEN NOT is_unseen AND over.until_at IS NOT NULL THEN least(
            state.slot_at,
            CASE
                WHEN over.until_at > sitemon.from_ms(stretch.from_ms) THEN sitemon.from_ms(
                    stretch.from_ms + stretch.interval_ms
                    * ((sitemon.to_ms(over.until_at) - stretch.from_ms + stretch.interval_ms - 1) / stretch.interval_ms)
                )
                ELSE over.until_at
            END
        )
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
    CASE WHEN blind.from_at IS NULL THEN state.seen_slot_at ELSE greatest(state.since_at, blind.from_at) END AS seen_at,
    coalesce(stretch.interval_ms / 1000.0, extract(epoch FROM state.slot_at - before.slot_at))::double precision
        AS interval_s,
    coalesce(watch.labels, '{}') AS labels,
    blind.from_at IS NOT NULL AS is_region_offline
FROM sitemon.current_state AS state
-- Here, for a condition on its name would come late after more joins.
JOIN sitemon.site ON site.site_id = state.site_id
JOIN sitemon.region ON region.region_id = state.region_id
LEFT JOIN (
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
LEFT JOIN sitemon.watch ON watch.site_id = state.site_id AND watch.region_id = state.region_id
-- What a monitor looks at is in no schedule: its interval is the time between its last two results.
LEFT JOIN LATERAL (
    SELECT max(result.slot_at) AS slot_at
    FROM sitemon.result
    -- The first condition is of the site: only of a monitor's anything is looked up.
    WHERE state.kind = 'monitor'
        AND result.site_id = state.site_id
        AND result.region_id = state.region_id
        AND result.kind = 'monitor'
        AND result.slot_at < state.slot_at
        AND result.slot_at >= state.slot_at - '1 day'::interval
) AS before ON stretch.site_id IS NULL
LEFT JOIN sitemon.reason ON reason.reason_id = state.reason_id
LEFT JOIN sitemon.blind_stretch AS blind
    ON state.outcome = 'down'
    AND blind.region_id = state.region_id
    AND blind.reason_id = state.reason_id
    AND state.slot_at >= blind.from_at
    AND state.slot_at < blind.until_at
LEFT JOIN sitemon.region_outage AS over
    ON state.outcome = 'down'
    AND over.region = region.name
    AND state.since_at >= over.from_at
    AND state.since_at < over.until_at
    AND state.slot_at >= over.until_at
CROSS JOIN LATERAL (
    SELECT
        stretch.site_id IS NULL
        AND watch.site_id IS NOT NULL
        AND watch.at_ms >= sitemon.to_ms(state.slot_at) AS is_ended,
        state.outcome = 'missed'
        OR blind.from_at IS NOT NULL
        OR coalesce(state.slot_at < stretch.due_at, false)
        -- Looked at by a clock that was ahead: it says nothing of now.
        OR coalesce(sitemon.to_ms(state.slot_at) > stretch.now_ms + stretch.interval_ms, false)
        OR coalesce(now() > state.slot_at + 2 * (state.slot_at - before.slot_at) + '72 s'::interval, false) AS is_unseen
) AS found;

CREATE OR REPLACE VIEW sitemon.site_status AS
SELECT
    watch.site,
    watch.region,
    target.url,
    watch.outcome,
    watch.since_at,
    watch.slot_at,
    watch.checked_at,
    watch.reason,
    watch.http_code,
    watch.latency_s,
    watch.is_ended,
    CASE WHEN maintained.site_id IS NOT NULL THEN 'maintenance' ELSE watch.state END AS state,
    coalesce(maintained.from_at, watch.state_since) AS state_since,
    watch.seen_at,
    watch.interval_s,
    watch.labels,
    watch.is_region_offline
FROM sitemon.watch_state AS watch
JOIN sitemon.target ON target.target_id = watch.target_id
LEFT JOIN sitemon.maintained_now AS maintained ON maintained.site_id = watch.site_id
UNION ALL
-- Those that are in the schedule, and of which there is no result yet.
SELECT
    site.name,
    region.name,
    '',
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
    false,
    CASE WHEN maintained.site_id IS NOT NULL THEN 'maintenance' ELSE 'unknown' END,
    coalesce(maintained.from_at, sitemon.from_ms(stretch.from_ms)),
    NULL,
    stretch.interval_ms / 1000.0,
    coalesce(watch.labels, '{}'),
    false
FROM sitemon.schedule_stretch AS stretch
JOIN sitemon.site ON site.site_id = stretch.site_id
JOIN sitemon.region ON region.region_id = stretch.region_id
LEFT JOIN sitemon.watch ON watch.site_id = stretch.site_id AND watch.region_id = stretch.region_id
LEFT JOIN sitemon.maintained_now AS maintained ON maintained.site_id = stretch.site_id
WHERE stretch.until_ms = 9223372036854775807
    AND NOT EXISTS (
        SELECT
        FROM sitemon.current_state AS state
        WHERE state.site_id = stretch.site_id AND state.region_id = stretch.region_id
    );

COMMENT ON VIEW sitemon.site_status IS
    'Each site in each region: its newest result, and since when the outcome is what it is, not counting what was '
    'missed. state is unknown as soon as the newest expected slot was missed or is older than its patience, of what a '
    'monitor looks at, 72 s after it should have looked twice, and of what a region that is offline cannot reach '
    '(is_region_offline); in a window it is maintenance, whatever is seen or not; '
    'seen_at is the newest slot at which somebody looked; '
    'interval_s is how often somebody should, null of what is scheduled no longer. '
    'Not of adhoc checks.';
