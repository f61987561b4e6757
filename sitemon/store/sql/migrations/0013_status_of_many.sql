-- How all sites are, of many sites, asked for every second.

SET LOCAL lock_timeout = '4s';
SET LOCAL statement_timeout = '30s';

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
-- What a monitor looks at is in no schedule: its interval is the time between its last two results. They are looked for
-- of such sites alone: a look into the results of each site would take longer than all the rest.
LEFT JOIN (
    SELECT
        monitored.site_id,
        monitored.region_id,
        (
            SELECT max(result.slot_at)
            FROM sitemon.result
            WHERE result.site_id = monitored.site_id
                AND result.region_id = monitored.region_id
                AND result.kind = 'monitor'
                AND result.slot_at < monitored.slot_at
                AND result.slot_at >= monitored.slot_at - '1 day'::interval
        ) AS slot_at
    FROM sitemon.current_state AS monitored
    WHERE monitored.kind = 'monitor'
) AS before
    ON before.site_id = state.site_id AND before.region_id = state.region_id AND stretch.site_id IS NULL
JOIN sitemon.site ON site.site_id = coalesce(state.site_id, stretch.site_id)
-- Each has a region. An outer join, for the planner takes an inner one to leave 1 of 200 sites, and then looks them up one
-- by one.
LEFT JOIN sitemon.region ON region.region_id = coalesce(state.region_id, stretch.region_id)
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
