-- What is missing is decided here: the schedule's history as stretches, who was at work when, and up to when the account
-- is closed.

SET LOCAL lock_timeout = '4s';
SET LOCAL statement_timeout = '5min';

INSERT INTO sitemon.reason (name, outcome, meaning) VALUES
    ('lost', 'missed', 'a beat was there, and no result came');

-- Results -----------------------------------------------------------------------------------------------------------

-- A derived row says that an expected slot has no result. It gives way to any result, and may be deleted again.
ALTER TABLE sitemon.result ADD COLUMN is_derived boolean NOT NULL DEFAULT false;

-- The newest result that is not `missed`, and since when its outcome is what it is: to miss a slot changes neither.
ALTER TABLE sitemon.current_state
    ADD COLUMN seen_slot_at timestamptz,
    ADD COLUMN seen_since_at timestamptz,
    ADD COLUMN seen_outcome sitemon.outcome;

UPDATE sitemon.current_state SET seen_slot_at = slot_at, seen_since_at = since_at, seen_outcome = outcome
WHERE outcome <> 'missed';

UPDATE sitemon.current_state AS state SET
    seen_slot_at = seen.slot_at, seen_since_at = seen.slot_at, seen_outcome = seen.outcome
FROM sitemon.current_state AS missed
CROSS JOIN LATERAL (
    SELECT slot_at, outcome
    FROM sitemon.result
    WHERE result.site_id = missed.site_id
        AND result.region_id = missed.region_id
        AND result.kind <> 'adhoc'
        AND result.outcome <> 'missed'
        AND result.slot_at > missed.slot_at - '1 day'::interval
    ORDER BY slot_at DESC
    LIMIT 1
) AS seen
WHERE missed.outcome = 'missed' AND (state.site_id, state.region_id) = (missed.site_id, missed.region_id);

-- The schedule's history -----------------------------------------------------------------------------------------------

-- Events are ordered by (token, sequence); those of earlier versions had neither, and are ordered by their moment. Those
-- before one that is a base are forgotten: what they asked for is in schedule_stretch.
ALTER TABLE sitemon.schedule_event
    ADD COLUMN token bigint NOT NULL DEFAULT 0,
    ADD COLUMN sequence bigint NOT NULL DEFAULT 0,
    ADD COLUMN patience_ms bigint,
    ADD COLUMN labels jsonb,
    ADD COLUMN is_base boolean NOT NULL DEFAULT false,
    DROP CONSTRAINT schedule_event_pkey,
    -- Queries add_schedule_events, and edits: the history of a site in a region.
    ADD PRIMARY KEY (site_id, region_id, token, sequence, at_ms);

UPDATE sitemon.schedule_event SET patience_ms = interval_ms + 72000 WHERE interval_ms IS NOT NULL;

-- Queries complete_tellings and unnamed_watches: the events of one telling.
CREATE INDEX schedule_event_by_token ON sitemon.schedule_event (token, sequence);

-- The whole schedule was told by the events of this token with first <= sequence < `sequence`: what none of them names
-- ended at `at_ms`. It is complete once all of them are there.
CREATE TABLE sitemon.telling (
    token bigint NOT NULL,
    sequence bigint NOT NULL,
    first bigint NOT NULL,
    at_ms bigint NOT NULL,
    is_complete boolean NOT NULL DEFAULT false,
    PRIMARY KEY (token, sequence)
);

-- Of each site in a region the newest event, with the labels that it gives, and the latest moment of all: one that follows
-- both and says what holds already changes nothing, so its history need not be looked at.
CREATE TABLE sitemon.watch (
    site_id integer NOT NULL REFERENCES sitemon.site,
    region_id integer NOT NULL REFERENCES sitemon.region,
    token bigint NOT NULL,
    sequence bigint NOT NULL,
    at_ms bigint NOT NULL,
    labels jsonb,
    PRIMARY KEY (site_id, region_id)
);

INSERT INTO sitemon.watch (site_id, region_id, token, sequence, at_ms)
SELECT site_id, region_id, 0, 0, max(at_ms) FROM sitemon.schedule_event GROUP BY site_id, region_id;

-- Sites in regions whose stretches do not follow from their events yet.
CREATE TABLE sitemon.changed_watch (
    site_id integer NOT NULL REFERENCES sitemon.site,
    region_id integer NOT NULL REFERENCES sitemon.region,
    PRIMARY KEY (site_id, region_id)
);

-- What the history comes to, kept: the slots from_ms + k * interval_ms with slot < until_ms, of which none is in two
-- stretches. A slot is missing when it has no row `patience_ms` after it was due.
ALTER VIEW sitemon.schedule_stretch RENAME TO old_stretch;

CREATE TABLE sitemon.schedule_stretch (
    site_id integer NOT NULL REFERENCES sitemon.site,
    region_id integer NOT NULL REFERENCES sitemon.region,
    from_ms bigint NOT NULL,
    until_ms bigint NOT NULL,
    interval_ms bigint NOT NULL CHECK (interval_ms > 0),
    patience_ms bigint NOT NULL,
    -- Queries missing_of_watches, delete_derived and the ledger: the stretches of a site in a region.
    PRIMARY KEY (site_id, region_id, from_ms)
);

-- Queries patience_range and patiences; count_away_hours_between: the stretches of some patiences.
CREATE INDEX schedule_stretch_by_patience ON sitemon.schedule_stretch (patience_ms, until_ms);

INSERT INTO sitemon.schedule_stretch (site_id, region_id, from_ms, until_ms, interval_ms, patience_ms)
SELECT site_id, region_id, from_ms, until_ms, interval_ms, interval_ms + 72000 FROM sitemon.old_stretch;

-- Who was at work ------------------------------------------------------------------------------------------------------

-- The time in which one beat held the lease and said so.
CREATE TABLE sitemon.reign (
    token bigint PRIMARY KEY,
    from_ms bigint NOT NULL,
    until_ms bigint NOT NULL
);

-- What each process that publishes results said last: that all up to `up_to_ms` is on Kafka, and how many results of
-- scheduled slots it published in all.
CREATE TABLE sitemon.publisher (
    name text PRIMARY KEY,
    up_to_ms bigint NOT NULL,
    made bigint NOT NULL,
    is_last boolean NOT NULL
);

-- What each recorder did with results of scheduled slots: how many became or changed a row, and how many changed nothing.
CREATE TABLE sitemon.tally (
    recorder text PRIMARY KEY,
    recorded bigint NOT NULL,
    repeated bigint NOT NULL
);

-- Up to where the topics were read: everything before `next_offset` is recorded here or among the dead letters.
CREATE TABLE sitemon.stream_position (
    topic text NOT NULL,
    partition integer NOT NULL,
    next_offset bigint NOT NULL,
    PRIMARY KEY (topic, partition)
);

-- The account -----------------------------------------------------------------------------------------------------------

-- Every expected slot from `from_ms` on whose patience ended up to `closed_ms` has its row, or lies in an away stretch;
-- those are counted up to `away_ms`. Slots before `from_ms` were accounted for by leaders of earlier versions, or before
-- this database was made. The counts are for the ledger, as of `counted_ms` and since `base_ms`, a day before at most: what
-- publishers `vouched` for must have `arrived`, and what is `recorded` must have been `made`. `made_before` is of publishers
-- that are forgotten.
CREATE TABLE sitemon.account (
    is_only_row boolean PRIMARY KEY DEFAULT true CHECK (is_only_row),
    from_ms bigint NOT NULL,
    closed_ms bigint NOT NULL,
    away_ms bigint NOT NULL,
    base_ms bigint NOT NULL DEFAULT 0,
    base_vouched bigint NOT NULL DEFAULT 0,
    base_arrived bigint NOT NULL DEFAULT 0,
    base_recorded bigint NOT NULL DEFAULT 0,
    base_made bigint NOT NULL DEFAULT 0,
    counted_ms bigint NOT NULL DEFAULT 0,
    vouched bigint NOT NULL DEFAULT 0,
    arrived bigint NOT NULL DEFAULT 0,
    recorded bigint NOT NULL DEFAULT 0,
    made bigint NOT NULL DEFAULT 0,
    made_before bigint NOT NULL DEFAULT 0
);

INSERT INTO sitemon.account (from_ms, closed_ms, away_ms)
SELECT now_ms, now_ms, now_ms FROM (SELECT sitemon.to_ms(now()) AS now_ms) AS moment;

-- An away stretch is told by a leader of an earlier version, or derived: no reign covers it.
ALTER TABLE sitemon.away
    ADD COLUMN is_derived boolean NOT NULL DEFAULT false,
    DROP CONSTRAINT away_pkey,
    ADD PRIMARY KEY (region_id, from_ms, is_derived);

-- What no reign covers for more than 10 minutes, after these: from_ms <= slot < until_ms. In the first 10 minutes each
-- missed slot has a row; later ones are counted. Not the largest bigint stands for no end: ends are added to.
CREATE VIEW sitemon.dark_stretch AS
SELECT lower(gap) + 600000 AS from_ms, coalesce(upper(gap), 9000000000000000) AS until_ms
FROM (
    SELECT
        unnest(
            int8multirange(int8range((SELECT from_ms FROM sitemon.account), NULL))
            - coalesce(range_agg(int8range(from_ms, until_ms, '[]')), '{}'::int8multirange)
        ) AS gap
    FROM sitemon.reign
    WHERE from_ms <= until_ms
) AS gaps
WHERE upper_inf(gap) OR upper(gap) - lower(gap) > 600000;

-- Views ---------------------------------------------------------------------------------------------------------------

DROP VIEW sitemon.ledger;
DROP FUNCTION sitemon.ledger_between;
DROP VIEW sitemon.away_piece;
DROP VIEW sitemon.old_stretch;
DROP VIEW sitemon.site_status;

-- What is kept does not say of itself how old it is.
ALTER MATERIALIZED VIEW sitemon.uptime_recent RENAME TO kept_recent;
ALTER INDEX sitemon.uptime_recent_once RENAME TO kept_recent_once;
COMMENT ON MATERIALIZED VIEW sitemon.kept_recent IS 'uptime_recent, as it was at recent_until_at of watermark.';

DO $$
BEGIN
    IF to_regrole('sitemon_reader') IS NOT NULL THEN
        REVOKE ALL ON sitemon.kept_recent FROM sitemon_reader;
    END IF;
END
$$;

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
    nullif(recent_until_at, '-infinity') AS as_of
FROM sitemon.kept_recent
-- It has one row; a planner without statistics would take it for a thousand.
CROSS JOIN (SELECT recent_until_at FROM sitemon.watermark LIMIT 1) AS watermark;

COMMENT ON VIEW sitemon.uptime_recent IS
    'Uptime of today and of the last 7, 30 and 90 days (UTC), today included, as it was at as_of, the last quarter of an '
    'hour; null: it is about to be counted anew.';

-- The pieces of the schedule that lie in away stretches and are closed, one for each hour; the slots of a piece are those
-- of first_ms + k * interval_ms with from_ms <= slot < until_ms.
CREATE VIEW sitemon.away_piece AS
SELECT
    schedule.site_id,
    schedule.region_id,
    hour,
    schedule.from_ms AS first_ms,
    schedule.interval_ms,
    greatest(away.from_ms, schedule.from_ms, hour * 3600000) AS from_ms,
    least(away.until_ms, schedule.until_ms, (hour + 1) * 3600000) AS until_ms
FROM (
    SELECT site_id, region_id, stretch.from_ms, least(until_ms, closed_ms - patience_ms + 1) AS until_ms, interval_ms
    FROM sitemon.schedule_stretch AS stretch
    -- It has one row; a planner without statistics would take it for a thousand.
    CROSS JOIN (SELECT closed_ms FROM sitemon.account LIMIT 1) AS account
) AS schedule
JOIN sitemon.away_stretch AS away
    ON away.region_id = schedule.region_id
    AND away.from_ms < schedule.until_ms
    AND schedule.from_ms < away.until_ms
CROSS JOIN LATERAL generate_series(
    greatest(away.from_ms, schedule.from_ms) / 3600000,
    (least(away.until_ms, schedule.until_ms) - 1) / 3600000
) AS hour;

CREATE VIEW sitemon.site_status AS
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
    CASE WHEN is_unseen THEN 'unknown' ELSE state.outcome::text END AS state,
    CASE
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
    'monitor looks at, 72 s after it should have looked twice; seen_at is the newest slot at which somebody looked; '
    'interval_s is how often somebody should, null of what is scheduled no longer. '
    'Not of adhoc checks.';

-- A function, so that a range of hours costs what lies in it. It reads tables for those who may read only views.
CREATE FUNCTION sitemon.ledger_between(from_at timestamptz, until_at timestamptz)
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
    ), piece AS MATERIALIZED (
        SELECT
            piece.site_id,
            piece.region_id,
            piece.hour,
            piece.first_ms,
            piece.interval_ms,
            greatest(piece.from_ms, span.from_ms) AS from_ms,
            least(piece.until_ms, span.until_ms) AS until_ms
        FROM sitemon.away_piece AS piece
        CROSS JOIN stretch_of_time AS span
        WHERE piece.from_ms < span.until_ms AND piece.until_ms > span.from_ms
    ), taken AS (
        -- Slots of a piece that have a row all the same.
        SELECT piece.site_id, piece.region_id, piece.hour, piece.first_ms, piece.from_ms, count(*) AS slots
        FROM piece
        JOIN seen
            ON seen.site_id = piece.site_id
            AND seen.region_id = piece.region_id
            AND seen.hour = piece.hour
            AND seen.slot_ms >= piece.from_ms
            AND seen.slot_ms < piece.until_ms
            AND (seen.slot_ms - piece.first_ms) % piece.interval_ms = 0
        GROUP BY 1, 2, 3, 4, 5
    ), away AS (
        SELECT
            piece.site_id,
            piece.region_id,
            piece.hour,
            sitemon.slots_between(first_ms, interval_ms, piece.from_ms, until_ms) - coalesce(slots, 0) AS missed
        FROM piece
        LEFT JOIN taken USING (site_id, region_id, hour, first_ms, from_ms)
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
        SELECT site_id, region_id, hour, 0, 0, 0, missed, 0, 0
        FROM away
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

CREATE VIEW sitemon.ledger AS
SELECT site, region, hour_at, expected, "real", missed, told, derived, lost, unaccounted, unexpected
FROM sitemon.ledger_between('-infinity', 'infinity');

COMMENT ON VIEW sitemon.ledger IS
    'What the schedule''s history asks for against the rows there are, by the hour, as far as the account is closed. '
    'expected = real + told + derived + unaccounted: told is what a worker or beat said that it missed, derived what '
    'nobody said (lost: though a beat was there); missed is both. unexpected rows belong to no slot of the schedule; '
    'those of a site in changed_watch are not judged yet.';

-- A derived row of a site that was never looked at stands for no URL.
CREATE OR REPLACE VIEW sitemon.site_info AS
SELECT url, match AS search_expression FROM sitemon.target WHERE url <> '';
