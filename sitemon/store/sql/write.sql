-- name: make_incoming
-- The rows of one batch, without those columns that have a default. One such table for each connection.
CREATE TEMPORARY TABLE incoming (
    slot_at timestamptz,
    checked_at timestamptz,
    site_id integer,
    region_id integer,
    target_id integer,
    redirects smallint,
    body_bytes integer,
    kind sitemon.kind,
    outcome sitemon.outcome,
    latency_s real,
    dns_s real,
    connect_s real,
    tls_s real,
    first_byte_s real,
    download_s real,
    reason_id smallint,
    http_code smallint,
    is_match_found boolean,
    cert_expires_at timestamptz,
    ip inet,
    http_version text,
    error text,
    excerpt text,
    is_derived boolean NOT NULL DEFAULT false
) ON COMMIT DELETE ROWS;

-- name: copy_incoming
COPY pg_temp.incoming (
    slot_at, checked_at, site_id, region_id, target_id, redirects, body_bytes, kind, outcome, latency_s, dns_s, connect_s,
    tls_s, first_byte_s, download_s, reason_id, http_code, is_match_found, cert_expires_at, ip, http_version, error,
    excerpt
) FROM STDIN (FORMAT binary);

-- name: lock_shared
-- Taken by each batch of results: until it commits, nobody moves the watermarks.
SELECT pg_advisory_xact_lock_shared(hashtextextended('sitemon.watermark', 0));

-- name: lock_away
-- Of two that count at once, one would not see the other's result.
SELECT pg_advisory_xact_lock(hashtextextended('sitemon.away', 0));

-- name: merge_results
-- Insert what is new; let a real result replace a missed one, and any result a derived one. Move the states of sites
-- whose results are simply the next ones, all of one outcome, and the hours and days that were rolled up already.
-- Returns one row: how many were inserted, replaced, and are of scheduled slots; how many are of slots that lie ahead, and by
-- how many seconds at most; whether an alerter has something to decide; the hours of sites in regions with a changed result
-- in an away stretch; the sites whose state has to be settled, and what of them was seen in which slots. Of slots that lie
-- ahead there are rows, which else say nothing until their slots have come: where something waits is noted.
WITH changed AS (
    INSERT INTO sitemon.result (
        slot_at, checked_at, cert_expires_at, site_id, region_id, target_id, kind, outcome, body_bytes,
        latency_s, dns_s, connect_s, tls_s, first_byte_s, download_s, reason_id, http_code, redirects,
        is_match_found, ip, http_version, error, excerpt, is_derived
    )
    SELECT
        slot_at, checked_at, cert_expires_at, site_id, region_id, target_id, kind, outcome, body_bytes,
        latency_s, dns_s, connect_s, tls_s, first_byte_s, download_s, reason_id, http_code, redirects,
        is_match_found, ip, http_version, error, excerpt, is_derived
    FROM pg_temp.incoming
    -- In one order everywhere, so that two recorders cannot wait for each other.
    ORDER BY site_id, region_id, slot_at, kind
    ON CONFLICT (site_id, region_id, slot_at, kind) DO UPDATE SET
        checked_at = excluded.checked_at,
        cert_expires_at = excluded.cert_expires_at,
        target_id = excluded.target_id,
        outcome = excluded.outcome,
        body_bytes = excluded.body_bytes,
        latency_s = excluded.latency_s,
        dns_s = excluded.dns_s,
        connect_s = excluded.connect_s,
        tls_s = excluded.tls_s,
        first_byte_s = excluded.first_byte_s,
        download_s = excluded.download_s,
        reason_id = excluded.reason_id,
        http_code = excluded.http_code,
        redirects = excluded.redirects,
        is_match_found = excluded.is_match_found,
        ip = excluded.ip,
        http_version = excluded.http_version,
        error = excluded.error,
        excerpt = excluded.excerpt,
        is_derived = excluded.is_derived,
        revision = 1
    WHERE result.outcome = 'missed' AND (excluded.outcome <> 'missed' OR result.is_derived > excluded.is_derived)
    RETURNING
        slot_at, checked_at, site_id, region_id, target_id, kind, outcome, latency_s, reason_id, http_code, revision
), ahead AS (
    SELECT site_id, region_id, slot_at
    FROM changed
    WHERE kind <> 'adhoc' AND slot_at > now() + '1 minute'::interval
), note_ahead AS (
    INSERT INTO sitemon.slot_ahead AS noted (site_id, region_id, slot_at)
    SELECT site_id, region_id, min(slot_at)
    FROM ahead
    GROUP BY site_id, region_id
    ORDER BY site_id, region_id
    ON CONFLICT (site_id, region_id) DO UPDATE SET slot_at = excluded.slot_at WHERE excluded.slot_at < noted.slot_at
), counting AS (
    SELECT
        *,
        count(*) OVER site AS changes,
        row_number() OVER site AS place,
        first_value(slot_at) OVER site AS first_slot_at,
        max(revision) OVER site = 0 AND min(outcome) OVER site = max(outcome) OVER site AS is_simple
    FROM changed
    WHERE kind NOT IN ('adhoc', 'confirm') AND slot_at <= now() + '1 minute'::interval
    WINDOW site AS (
        PARTITION BY site_id, region_id
        ORDER BY slot_at, kind
        ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    )
), newest AS (
    -- Not `=`, of which the planner expects one row in 200: then it joins what follows row by row with all others.
    SELECT * FROM counting WHERE place >= changes
), moved AS (
    -- A site that has to be settled is put forward with a slot before all others: that makes its row or locks
    -- it, and moves nothing.
    INSERT INTO sitemon.current_state AS state (
        slot_at, since_at, checked_at, site_id, region_id, target_id, kind, outcome, latency_s, reason_id, http_code,
        seen_slot_at, seen_since_at, seen_outcome
    )
    SELECT
        CASE WHEN is_simple THEN slot_at ELSE '-infinity' END,
        CASE WHEN is_simple THEN first_slot_at ELSE 'infinity' END,
        checked_at, site_id, region_id, target_id, kind, outcome, latency_s, reason_id, http_code,
        CASE WHEN is_simple AND outcome <> 'missed' THEN slot_at END,
        CASE WHEN is_simple AND outcome <> 'missed' THEN first_slot_at END,
        CASE WHEN is_simple AND outcome <> 'missed' THEN outcome END
    FROM newest
    ORDER BY site_id, region_id
    ON CONFLICT (site_id, region_id) DO UPDATE SET
        slot_at = excluded.slot_at,
        -- Slots that were missed in between are no interruption.
        since_at = CASE
            WHEN excluded.outcome = state.outcome THEN state.since_at
            WHEN excluded.outcome = state.seen_outcome THEN state.seen_since_at
            ELSE excluded.since_at
        END,
        checked_at = excluded.checked_at,
        target_id = excluded.target_id,
        kind = excluded.kind,
        outcome = excluded.outcome,
        latency_s = excluded.latency_s,
        reason_id = excluded.reason_id,
        http_code = excluded.http_code,
        seen_slot_at = coalesce(excluded.seen_slot_at, state.seen_slot_at),
        seen_since_at = CASE
            WHEN excluded.seen_outcome IS NULL OR excluded.seen_outcome = state.seen_outcome THEN state.seen_since_at
            ELSE excluded.seen_since_at
        END,
        seen_outcome = coalesce(excluded.seen_outcome, state.seen_outcome),
        other_slot_at = CASE
            WHEN excluded.seen_outcome IS NULL OR excluded.seen_outcome = state.seen_outcome THEN state.other_slot_at
            ELSE state.seen_slot_at
        END
    WHERE excluded.since_at > state.slot_at AND excluded.slot_at > '-infinity'
    RETURNING site_id, region_id, since_at
), unsettled AS (
    SELECT site_id, region_id
    FROM newest
    LEFT JOIN moved USING (site_id, region_id)
    WHERE NOT is_simple OR moved.site_id IS NULL
    ORDER BY site_id, region_id
), seen AS MATERIALIZED (
    SELECT site_id, region_id, slot_at, outcome
    FROM counting
    JOIN unsettled USING (site_id, region_id)
    WHERE outcome <> 'missed'
), marked AS (
    -- What an incident may follow from: all but the next good rows of a site that is at rest. Where an alerter is deciding
    -- on its first failure at this moment, incident_state has no row of it yet: then its state begins with this batch.
    INSERT INTO sitemon.undecided (site_id, from_at)
    SELECT site_id, min(from_at)
    FROM (
        SELECT newest.site_id, newest.first_slot_at AS from_at
        FROM newest
        LEFT JOIN moved USING (site_id, region_id)
        LEFT JOIN sitemon.incident_state USING (site_id)
        WHERE NOT newest.is_simple
            OR moved.site_id IS NULL
            OR moved.since_at = newest.first_slot_at
            OR newest.outcome <> 'up'
            OR incident_state.site_id IS NOT NULL
        UNION ALL
        SELECT site_id, slot_at
        FROM changed
        WHERE kind = 'confirm' AND slot_at <= now() + '1 minute'::interval
    ) AS telling
    GROUP BY site_id
    ORDER BY site_id -- in which they are decided on, and then named in a message
    RETURNING site_id
), late AS (
    -- As counted_result says, which does not see these rows yet.
    SELECT
        changed.site_id,
        region_id,
        slot_at,
        CASE
            WHEN outcome = 'down' AND EXISTS (
                SELECT
                FROM sitemon.blind_stretch AS blind
                WHERE blind.region_id = changed.region_id
                    AND blind.reason_id = changed.reason_id
                    AND changed.slot_at >= blind.from_at
                    AND changed.slot_at < blind.until_at
            ) THEN 'missed'
            ELSE outcome
        END AS outcome,
        latency_s,
        revision,
        coalesce(
            (
                SELECT changed.slot_at < stretch.until_at
                FROM sitemon.maintenance_stretch AS stretch
                WHERE stretch.site_id = changed.site_id AND stretch.from_at <= changed.slot_at
                ORDER BY stretch.from_at DESC
                LIMIT 1
            ),
            false
        ) AS is_maintained
    FROM changed
    WHERE kind NOT IN ('adhoc', 'confirm') AND slot_at < (SELECT hours_until_at FROM sitemon.watermark)
), late_counts AS (
    SELECT
        site_id,
        region_id,
        sitemon.hour_of(slot_at) AS hour_at,
        count(*) FILTER (WHERE outcome = 'up' AND NOT is_maintained) AS up,
        count(*) FILTER (WHERE outcome = 'degraded' AND NOT is_maintained) AS degraded,
        count(*) FILTER (WHERE outcome = 'down' AND NOT is_maintained) AS down,
        count(*) FILTER (WHERE outcome = 'missed' AND NOT is_maintained)
        - count(*) FILTER (WHERE revision = 1 AND NOT is_maintained) AS missed,
        -- What replaced another row was counted.
        count(*) FILTER (WHERE revision = 0 AND is_maintained) AS maintenance
    FROM late
    GROUP BY 1, 2, 3
), late_latencies AS (
    SELECT
        site_id,
        region_id,
        sitemon.hour_of(slot_at) AS hour_at,
        sitemon.latency_bucket(latency_s) AS bucket,
        count(*) AS checks
    FROM late
    WHERE outcome <> 'missed' AND latency_s IS NOT NULL AND NOT is_maintained
    GROUP BY 1, 2, 3, 4
), move_hours AS (
    INSERT INTO sitemon.count_hour AS hour (site_id, region_id, hour_at, up, degraded, down, missed, maintenance)
    SELECT site_id, region_id, hour_at, up, degraded, down, missed, maintenance
    FROM late_counts
    ORDER BY site_id, region_id, hour_at
    ON CONFLICT (site_id, region_id, hour_at) DO UPDATE SET
        up = hour.up + excluded.up,
        degraded = hour.degraded + excluded.degraded,
        down = hour.down + excluded.down,
        missed = hour.missed + excluded.missed,
        maintenance = hour.maintenance + excluded.maintenance
), move_latencies AS (
    INSERT INTO sitemon.latency_hour AS hour (site_id, region_id, hour_at, bucket, checks)
    SELECT site_id, region_id, hour_at, bucket, checks
    FROM late_latencies
    ORDER BY site_id, region_id, hour_at, bucket
    ON CONFLICT (site_id, region_id, hour_at, bucket) DO UPDATE SET checks = hour.checks + excluded.checks
), move_days AS (
    INSERT INTO sitemon.count_day AS daily (site_id, region_id, day, up, degraded, down, missed, maintenance)
    SELECT
        site_id, region_id, sitemon.day_of(hour_at), sum(up), sum(degraded), sum(down), sum(missed), sum(maintenance)
    FROM late_counts
    WHERE (sitemon.day_of(hour_at), site_id, region_id)
        <= (SELECT days_until, day_site_id, day_region_id FROM sitemon.watermark)
    GROUP BY 1, 2, 3
    ORDER BY 1, 2, 3
    ON CONFLICT (site_id, region_id, day) DO UPDATE SET
        up = daily.up + excluded.up,
        degraded = daily.degraded + excluded.degraded,
        down = daily.down + excluded.down,
        missed = daily.missed + excluded.missed,
        maintenance = daily.maintenance + excluded.maintenance
), move_latency_days AS (
    INSERT INTO sitemon.latency_day AS daily (site_id, region_id, day, bucket, checks)
    SELECT site_id, region_id, sitemon.day_of(hour_at), bucket, sum(checks)
    FROM late_latencies
    WHERE (sitemon.day_of(hour_at), site_id, region_id)
        <= (SELECT days_until, day_site_id, day_region_id FROM sitemon.watermark)
    GROUP BY 1, 2, 3, 4
    ORDER BY 1, 2, 3, 4
    ON CONFLICT (site_id, region_id, day, bucket) DO UPDATE SET checks = daily.checks + excluded.checks
), away AS MATERIALIZED (
    -- One value for each region, which is searched: there may be thousands of stretches.
    SELECT region_id, range_agg(int8range(from_ms, until_ms)) AS slots_ms
    FROM sitemon.away_stretch
    GROUP BY region_id
)
SELECT
    (SELECT count(*) FROM changed WHERE revision = 0) AS inserted,
    (SELECT count(*) FROM changed WHERE revision = 1) AS replaced,
    (SELECT count(*) FROM changed WHERE kind = 'scheduled') AS scheduled,
    (SELECT count(*) FROM ahead) AS ahead,
    (SELECT coalesce(extract(epoch FROM max(slot_at) - now()), 0)::double precision FROM ahead) AS ahead_s,
    (SELECT count(*) > 0 FROM marked) AS is_marked,
    (
        -- Slots that are not closed yet are counted when they are.
        SELECT array_agg(DISTINCT ARRAY[changed.site_id, changed.region_id, sitemon.to_ms(changed.slot_at) / 3600000])
        FROM changed
        WHERE changed.kind = 'scheduled'
            AND changed.slot_at < (SELECT sitemon.from_ms(closed_ms) FROM sitemon.account) - '13 seconds'::interval
            AND EXISTS (
                SELECT
                FROM away
                WHERE away.region_id = changed.region_id AND away.slots_ms @> sitemon.to_ms(changed.slot_at)
            )
    ) AS away_hours,
    (SELECT array_agg(site_id) FROM unsettled) AS site_ids,
    (SELECT array_agg(region_id) FROM unsettled) AS region_ids,
    (SELECT array_agg(site_id) FROM seen) AS seen_site_ids,
    (SELECT array_agg(region_id) FROM seen) AS seen_region_ids,
    (SELECT array_agg(slot_at) FROM seen) AS seen_slots_at,
    (SELECT array_agg(outcome::text) FROM seen) AS seen_outcomes;

-- name: make_states
-- Of sites in regions that have results and no state: one to be settled, as merge_results makes it.
INSERT INTO sitemon.current_state (
    slot_at, since_at, checked_at, site_id, region_id, target_id, kind, outcome
)
SELECT '-infinity', 'infinity', checked_at, newest.site_id, newest.region_id, target_id, kind, outcome
FROM unnest(%(site_ids)s::integer[], %(region_ids)s::integer[]) AS given (site_id, region_id)
CROSS JOIN LATERAL (
    SELECT checked_at, site_id, region_id, target_id, kind, outcome
    FROM sitemon.result
    WHERE result.site_id = given.site_id
        AND result.region_id = given.region_id
        AND result.kind NOT IN ('adhoc', 'confirm')
        AND result.slot_at <= now() + '1 minute'::interval
    ORDER BY result.slot_at DESC
    LIMIT 1
) AS newest
ORDER BY newest.site_id, newest.region_id
ON CONFLICT DO NOTHING;

-- name: lock_states
-- A recorder that has a result of one of these waits until they are settled, as for another recorder.
SELECT site_id, region_id
FROM sitemon.current_state
JOIN unnest(%(site_ids)s::integer[], %(region_ids)s::integer[]) AS given (site_id, region_id) USING (site_id, region_id)
ORDER BY site_id, region_id
FOR UPDATE OF current_state;

-- name: settle_states
-- Find newest result, newest one that is not `missed`, and the beginnings of their outcomes, for sites where more than the
-- next result changed: what was seen in which slots is given. Before `other_slot_at` it does not matter. Since then nothing
-- but what the state has seen from `seen_since_at` on was seen, and what is given: so all rows that are looked at are named
-- by their slots, but for those of a state in the midst of which something else was seen, up to where it goes on: these are
-- read once, as the state keeps where nothing was seen.
-- What was seen anew is joined once, as arrays of each site: the planner takes what follows from a state for a few rows.
WITH seen_anew AS MATERIALIZED (
    SELECT
        site_id,
        region_id,
        max(slot_at) AS last_slot_at,
        array_agg(slot_at) AS slots_at,
        array_agg(outcome) AS outcomes
    FROM unnest(
        %(seen_site_ids)s::integer[],
        %(seen_region_ids)s::integer[],
        %(seen_slots_at)s::timestamptz[],
        %(seen_outcomes)s::sitemon.outcome[]
    ) AS given (site_id, region_id, slot_at, outcome)
    GROUP BY site_id, region_id
), seen AS MATERIALIZED (
    SELECT
        site_id,
        region_id,
        seen.slot_at,
        seen.kind,
        seen.outcome,
        seen.outcome = state.seen_outcome AS goes_on,
        state.slot_at AS until_at,
        state.seen_slot_at AS before_slot_at,
        state.seen_since_at AS before_since_at,
        state.other_slot_at AS before_other_at,
        state.gap_from_at,
        state.gap_until_at,
        slots_at,
        outcomes
    FROM unnest(%(site_ids)s::integer[], %(region_ids)s::integer[]) AS given (site_id, region_id)
    JOIN sitemon.current_state AS state USING (site_id, region_id)
    LEFT JOIN seen_anew USING (site_id, region_id)
    LEFT JOIN LATERAL (
        SELECT result.slot_at, result.kind, result.outcome
        FROM sitemon.result
        WHERE result.site_id = state.site_id
            AND result.region_id = state.region_id
            AND result.kind NOT IN ('adhoc', 'confirm')
            AND result.outcome <> 'missed'
            AND result.slot_at <= greatest(state.seen_slot_at, last_slot_at)
        ORDER BY result.slot_at DESC, result.kind DESC
        LIMIT 1
    ) AS seen ON true
), since_other AS MATERIALIZED (
    SELECT seen.*, other.slot_at AS other_slot_at, goes_on_at, after.slot_at AS after_other_at
    FROM seen
    CROSS JOIN LATERAL (
        SELECT max(anew.slot_at) AS slot_at
        FROM unnest(slots_at, outcomes) AS anew (slot_at, outcome)
        WHERE anew.outcome <> seen.outcome
    ) AS other_anew
    LEFT JOIN LATERAL (
        SELECT result.slot_at, result.kind
        FROM sitemon.result
        WHERE result.site_id = seen.site_id
            AND result.region_id = seen.region_id
            AND result.kind NOT IN ('adhoc', 'confirm')
            AND result.outcome NOT IN ('missed', seen.outcome)
            AND result.slot_at <= greatest(
                CASE WHEN goes_on THEN before_other_at ELSE before_slot_at END, other_anew.slot_at
            )
        ORDER BY result.slot_at DESC, result.kind DESC
        LIMIT 1
    ) AS other ON true
    CROSS JOIN LATERAL (
        -- Where the state is known to go on after that, but for what was seen anew.
        SELECT
            CASE
                WHEN NOT goes_on THEN NULL
                WHEN other.slot_at IS NULL OR other.slot_at < before_since_at THEN before_since_at
                WHEN other.slot_at >= gap_from_at AND other.slot_at < gap_until_at THEN gap_until_at
            END AS goes_on_at
    ) AS known
    LEFT JOIN LATERAL (
        -- In the same slot, as results of two kinds; or in the midst of the state.
        SELECT result.slot_at
        FROM sitemon.result
        WHERE result.site_id = seen.site_id
            AND result.region_id = seen.region_id
            AND result.kind NOT IN ('adhoc', 'confirm')
            AND result.outcome <> 'missed'
            AND result.slot_at >= other.slot_at
            AND result.slot_at <= CASE
                WHEN goes_on AND goes_on_at IS NULL THEN seen.slot_at ELSE other.slot_at
            END
            AND (result.slot_at, result.kind) > (other.slot_at, other.kind)
        ORDER BY result.slot_at, result.kind
        LIMIT 1
    ) AS after ON true
)
UPDATE sitemon.current_state AS state SET
    slot_at = newest.slot_at,
    since_at = CASE WHEN newest.outcome = 'missed' THEN unseen.slot_at ELSE settled.since_at END,
    checked_at = newest.checked_at,
    target_id = newest.target_id,
    kind = newest.kind,
    outcome = newest.outcome,
    latency_s = newest.latency_s,
    reason_id = newest.reason_id,
    http_code = newest.http_code,
    seen_slot_at = settled.slot_at,
    seen_since_at = settled.since_at,
    seen_outcome = settled.outcome,
    other_slot_at = settled.other_slot_at,
    gap_from_at = greatest(
        CASE WHEN has_begun_before THEN settled.since_at ELSE settled.gap_from_at END,
        (SELECT max(anew_at) FROM unnest(slots_at) AS anew_at WHERE anew_at < gap.until_at)
    ),
    gap_until_at = gap.until_at
FROM (
    SELECT
        since_other.*,
        coalesce(
            after_other_at,
            least(
                goes_on_at,
                (SELECT min(anew_at) FROM unnest(slots_at) AS anew_at WHERE anew_at > coalesce(other_slot_at, '-infinity'))
            )
        ) AS since_at
    FROM since_other
) AS settled
CROSS JOIN LATERAL (
    SELECT coalesce(goes_on AND settled.since_at < before_since_at, false) AS has_begun_before
) AS moved
CROSS JOIN LATERAL (
    SELECT CASE WHEN has_begun_before THEN before_since_at ELSE settled.gap_until_at END AS until_at
) AS gap
CROSS JOIN LATERAL (
    SELECT slot_at, checked_at, target_id, kind, outcome, latency_s, reason_id, http_code
    FROM sitemon.result
    WHERE result.site_id = settled.site_id
        AND result.region_id = settled.region_id
        AND result.kind NOT IN ('adhoc', 'confirm')
        AND result.slot_at <= greatest(settled.until_at, now() + '1 minute'::interval)
    ORDER BY result.slot_at DESC, result.kind DESC
    LIMIT 1
) AS newest
LEFT JOIN LATERAL (
    SELECT slot_at
    FROM sitemon.result
    WHERE newest.outcome = 'missed'
        AND result.site_id = settled.site_id
        AND result.region_id = settled.region_id
        AND result.kind NOT IN ('adhoc', 'confirm')
        AND result.slot_at >= coalesce(settled.slot_at, '-infinity')
        AND (settled.slot_at IS NULL OR (result.slot_at, result.kind) > (settled.slot_at, settled.kind))
    ORDER BY result.slot_at, result.kind
    LIMIT 1
) AS unseen ON true
WHERE (state.site_id, state.region_id) = (settled.site_id, settled.region_id);

-- name: forget_away_hours
-- Hours before the rows that they were counted from stay as they are.
DELETE FROM sitemon.away_hour AS away
USING unnest(%(site_ids)s::integer[], %(region_ids)s::integer[], %(from_hours)s::bigint[], %(until_hours)s::bigint[])
    AS given (site_id, region_id, from_hour, until_hour)
WHERE (away.site_id, away.region_id) = (given.site_id, given.region_id)
    AND away.hour_at >= sitemon.from_ms(given.from_hour * 3600000)
    AND away.hour_at < sitemon.from_ms(given.until_hour * 3600000)
    AND away.hour_at >= (SELECT raw_from_at FROM sitemon.watermark);

-- name: asked_between
-- How many slots each ``watch`` asks for in what is away in these hours: of each region and hour that is one value, which is
-- searched. What a watch is, the statement says after it, as RECURSIVE allows.
WITH RECURSIVE away AS MATERIALIZED (
    SELECT
        region_id,
        hour,
        range_agg(int8range(greatest(from_ms, hour * 3600000), least(until_ms, (hour + 1) * 3600000))) AS slots_ms
    FROM sitemon.away_stretch
    CROSS JOIN LATERAL generate_series(
        greatest(from_ms / 3600000, %(from_hour)s), least((until_ms - 1) / 3600000, %(until_hour)s - 1)
    ) AS hour
    GROUP BY region_id, hour
), asked AS (
    SELECT watch.*, hour, slots_ms, slots
    FROM watch
    JOIN away USING (region_id)
    CROSS JOIN LATERAL (
        SELECT
            sum(
                sitemon.slots_between(
                    from_ms, interval_ms, greatest(lower(piece), from_ms), least(upper(piece), until_ms)
                )
            ) AS slots
        FROM unnest(slots_ms) AS piece
    ) AS asked
    WHERE lower(slots_ms) < until_ms AND upper(slots_ms) > from_ms
)

-- name: count_away_hours
-- Slots that are ``asked_between``, without those that have a row: these are looked up once for an hour.
-- Stretches of the schedule come first: without statistics they might be joined with each hour of all sites.
watch AS MATERIALIZED (
    SELECT
        site_id,
        region_id,
        from_hour,
        until_hour,
        from_ms,
        least(until_ms, closed_ms - patience_ms + 1) AS until_ms,
        interval_ms
    FROM unnest(%(site_ids)s::integer[], %(region_ids)s::integer[], %(from_hours)s::bigint[], %(until_hours)s::bigint[])
        AS given (site_id, region_id, from_hour, until_hour)
    JOIN sitemon.schedule_stretch USING (site_id, region_id)
    -- It has one row; a planner without statistics would take it for a thousand.
    CROSS JOIN (SELECT closed_ms FROM sitemon.account LIMIT 1) AS account
)
INSERT INTO sitemon.away_hour (site_id, region_id, hour_at, missed)
SELECT site_id, region_id, sitemon.from_ms(hour * 3600000), sum(asked.slots - seen.slots)
FROM asked
CROSS JOIN LATERAL (
    SELECT count(*) AS slots
    FROM sitemon.result
    WHERE result.site_id = asked.site_id
        AND result.region_id = asked.region_id
        AND result.slot_at >= sitemon.from_ms(greatest(lower(slots_ms), from_ms))
        AND result.slot_at < sitemon.from_ms(least(upper(slots_ms), until_ms))
        AND result.kind = 'scheduled'
        AND (sitemon.to_ms(result.slot_at) - from_ms) %% interval_ms = 0
        AND slots_ms @> sitemon.to_ms(result.slot_at)
) AS seen
WHERE hour >= from_hour AND hour < until_hour
GROUP BY site_id, region_id, hour
HAVING sum(asked.slots - seen.slots) > 0;

-- name: tally
INSERT INTO sitemon.tally AS tally (recorder, recorded, repeated)
VALUES (%(recorder)s, %(recorded)s, %(repeated)s)
ON CONFLICT (recorder) DO UPDATE SET
    recorded = tally.recorded + excluded.recorded,
    repeated = tally.repeated + excluded.repeated;
