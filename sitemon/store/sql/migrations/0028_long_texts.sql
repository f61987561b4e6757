-- What the page reads again and again of each site in each region is bounded: of a long URL, and of long labels, it is a
-- digest, which was made when they were written.

SET LOCAL lock_timeout = '4s';
SET LOCAL statement_timeout = '5min';

-- Immutable, though convert_to is not: the encoding of a database is for ever.
CREATE FUNCTION sitemon.digest_of(said text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN encode(sha256(convert_to(said, 'UTF8')), 'hex');

-- Null where there are at most 500 bytes.
ALTER TABLE sitemon.target
ADD COLUMN url_digest text
GENERATED ALWAYS AS (CASE WHEN octet_length(url) > 500 THEN sitemon.digest_of(url) END) STORED;

ALTER TABLE sitemon.watch
ADD COLUMN labels_digest text
GENERATED ALWAYS AS (CASE WHEN octet_length(labels::text) > 500 THEN sitemon.digest_of(labels::text) END) STORED;

-- Joined by an outer join: so the planner works out what is short where it reads a row, and what is long goes no further.
CREATE VIEW sitemon.shown_watch AS
SELECT
    site_id,
    region_id,
    at_ms,
    labels,
    CASE WHEN labels_digest IS NULL THEN labels END AS short_labels,
    labels_digest
FROM sitemon.watch;

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
    watch.is_region_offline,
    target.short_url,
    target.url_digest,
    watch.short_labels,
    watch.labels_digest
FROM sitemon.watch_state AS watch
-- Looked up for each: sites had other URLs before, which stay, and a join might read them all.
CROSS JOIN LATERAL (
    SELECT url, CASE WHEN url_digest IS NULL THEN url END AS short_url, url_digest
    FROM sitemon.target
    WHERE target.target_id = watch.target_id
    OFFSET 0
) AS target
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
    -- Of the same type as above: else each row is made of all columns, whichever are asked for.
    (stretch.interval_ms / 1000.0)::double precision,
    coalesce(watch.labels, '{}'),
    false,
    '',
    NULL,
    CASE WHEN watch.labels_digest IS NULL THEN coalesce(watch.short_labels, '{}') END,
    watch.labels_digest
FROM sitemon.schedule_stretch AS stretch
JOIN sitemon.site ON site.site_id = stretch.site_id
JOIN sitemon.region ON region.region_id = stretch.region_id
LEFT JOIN sitemon.shown_watch AS watch ON watch.site_id = stretch.site_id AND watch.region_id = stretch.region_id
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
    'interval_s is how often somebody should, null of what is scheduled no longer; '
    'short_url and short_labels are null where they have more than 500 bytes: then url_digest and labels_digest tell '
    'whether they are others. '
    'Not of adhoc checks.';
