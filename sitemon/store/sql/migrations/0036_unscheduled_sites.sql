-- Sites that are in no schedule end when nobody has looked at them for a day, and the first 2,000 of them are listed: whoever
-- may write results could invent any number of names.

SET LOCAL lock_timeout = '4s';
SET LOCAL statement_timeout = '30s';

-- Up to which site those are listed that are in no schedule in a region, and never were, as a monitor's: those that were known
-- first, 2,000 with a region each.
CREATE VIEW sitemon.listed_unscheduled AS
SELECT max(site_id) AS last_id
FROM (
    SELECT site_id
    FROM sitemon.current_state AS state
    WHERE slot_at >= now() - '1 day'::interval
        AND NOT EXISTS (
            SELECT
            FROM sitemon.schedule_stretch AS stretch
            WHERE stretch.site_id = state.site_id
                AND stretch.region_id = state.region_id
                AND stretch.until_ms = 9223372036854775807
        )
        AND NOT EXISTS (
            SELECT FROM sitemon.watch WHERE watch.site_id = state.site_id AND watch.region_id = state.region_id
        )
    ORDER BY site_id
    LIMIT 2000
) AS unscheduled;

-- Each site in each region as its newest result, the schedule and the region's connection say, maintenance left out.
CREATE OR REPLACE VIEW sitemon.watch_state AS
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
    -- Taken out of the configuration: no longer scheduled, though it was. Or in no schedule, and not looked at for a day.
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
    blind.from_at IS NOT NULL AS is_region_offline,
    CASE WHEN watch.labels_digest IS NULL THEN coalesce(watch.short_labels, '{}') END AS short_labels,
    watch.labels_digest
FROM sitemon.current_state AS state
-- Here, for a condition on its name would come late after more joins.
JOIN sitemon.site ON site.site_id = state.site_id
-- An outer join: a planner that knows of one region alone would begin with it, and read all states for each region.
LEFT JOIN sitemon.region ON region.region_id = state.region_id
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
LEFT JOIN sitemon.shown_watch AS watch ON watch.site_id = state.site_id AND watch.region_id = state.region_id
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
        AND (
            coalesce(watch.at_ms >= sitemon.to_ms(state.slot_at), false)
            OR state.slot_at < now() - '1 day'::interval
            -- Asked for once, and only where a site is in no schedule.
            OR watch.site_id IS NULL AND state.site_id > (SELECT last_id FROM sitemon.listed_unscheduled)
        ) AS is_ended,
        state.outcome = 'missed'
        OR blind.from_at IS NOT NULL
        OR coalesce(state.slot_at < stretch.due_at, false)
        -- Looked at by a clock that was ahead: it says nothing of now.
        OR coalesce(sitemon.to_ms(state.slot_at) > stretch.now_ms + stretch.interval_ms, false)
        OR coalesce(now() > state.slot_at + 2 * (state.slot_at - before.slot_at) + '72 s'::interval, false) AS is_unseen
) AS found;
