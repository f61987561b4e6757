-- name: lead_reconciling
-- For as long as this session lasts, no other closes the account: it asks something each few seconds, unless it is frozen.
SELECT pg_try_advisory_lock(hashtextextended('sitemon.reconciling', 0))
FROM set_config('idle_session_timeout', '30s', false);

-- name: account
SELECT account.from_ms, account.closed_ms, account.away_ms, sitemon.to_ms(raw_from_at), sitemon.to_ms(now())
FROM sitemon.account
CROSS JOIN sitemon.watermark;

-- name: move_account
UPDATE sitemon.account SET closed_ms = %(closed_ms)s WHERE closed_ms < %(closed_ms)s;

-- name: ending_stretches
-- Those with an end that have slots whose patience ends after `after_ms` and up to `up_to_ms`. Without an offset a planner
-- that has no statistics yet would look for them by their patience.
SELECT *
FROM sitemon.schedule_stretch
WHERE until_ms < 9223372036854775807
    AND int8range(from_ms + patience_ms, greatest(from_ms, until_ms) + patience_ms)
        && int8range(%(after_ms)s + 1, %(up_to_ms)s + 1)
OFFSET 0

-- name: patiences
-- Of the stretches that have slots whose patience ends after `after_ms` and up to `up_to_ms`, ``ending`` those with an end.
SELECT patience_ms FROM ending
UNION
SELECT patience_ms
FROM sitemon.schedule_stretch
WHERE until_ms = 9223372036854775807 AND from_ms <= %(up_to_ms)s - patience_ms
ORDER BY 1;

-- name: patience_groups
-- The patiences of stretches that last or are ``ending``, in groups no wider than `width_ms`: shortest and longest of each,
-- up to `groups` of them. The last of so many has all that are longer, too.
beginning AS (
    SELECT
        least(
            (SELECT min(patience_ms) FROM sitemon.schedule_stretch WHERE until_ms = 9223372036854775807),
            (SELECT min(patience_ms) FROM ending)
        ) AS shortest_ms,
        1 AS number
    UNION ALL
    SELECT
        least(
            (
                SELECT min(patience_ms)
                FROM sitemon.schedule_stretch
                WHERE until_ms = 9223372036854775807 AND patience_ms > shortest_ms + %(width_ms)s
            ),
            (SELECT min(patience_ms) FROM ending WHERE patience_ms > shortest_ms + %(width_ms)s)
        ),
        number + 1
    FROM beginning
    WHERE shortest_ms IS NOT NULL AND number < %(groups)s
)
SELECT
    shortest_ms,
    greatest(
        (
            SELECT max(patience_ms)
            FROM sitemon.schedule_stretch
            WHERE until_ms = 9223372036854775807 AND patience_ms <= most_ms
        ),
        (SELECT max(patience_ms) FROM ending WHERE patience_ms <= most_ms)
    ) AS longest_ms
FROM beginning
CROSS JOIN LATERAL (
    SELECT CASE WHEN number < %(groups)s THEN shortest_ms + %(width_ms)s ELSE 9223372036854775807 END AS most_ms
) AS bound
WHERE shortest_ms IS NOT NULL
ORDER BY shortest_ms;

-- name: due_in_window
-- The slots with from_ms <= slot < until_ms whose patience, of those from shortest to longest, ended after `after_ms` and
-- up to `up_to_ms`; of stretches that are over none is read, ``ending`` are those that are about to be.
WITH stretch AS MATERIALIZED (
    SELECT *
    FROM (
        SELECT
            site_id,
            region_id,
            interval_ms,
            patience_ms,
            CASE
                WHEN from_ms >= since_ms THEN from_ms
                ELSE from_ms + ((since_ms - from_ms - 1) / interval_ms + 1) * interval_ms
            END AS first_ms,
            last_ms
        FROM (
            SELECT
                *,
                greatest(%(from_ms)s, %(after_ms)s - patience_ms + 1) AS since_ms,
                least(until_ms - 1, %(until_ms)s - 1, %(up_to_ms)s - patience_ms) AS last_ms
            FROM (
                SELECT * FROM sitemon.schedule_stretch WHERE until_ms = 9223372036854775807
                UNION ALL
                SELECT * FROM ending
            ) AS stretch
            WHERE until_ms > %(from_ms)s
                AND from_ms < %(until_ms)s
                AND patience_ms BETWEEN %(shortest_ms)s AND %(longest_ms)s
        ) AS stretch
    ) AS stretch
    WHERE first_ms <= last_ms
)
SELECT site_id, region_id, patience_ms, sitemon.from_ms(first_ms) AS slot_at
FROM stretch
UNION ALL
-- Few have another slot in a short window: to generate a series for each would take longer than to look at its row.
SELECT site_id, region_id, patience_ms, sitemon.from_ms(slot_ms)
FROM stretch
CROSS JOIN LATERAL generate_series(first_ms + interval_ms, last_ms, interval_ms) AS slot_ms
WHERE first_ms + interval_ms <= last_ms

-- name: missing_by_window
-- What is ``due`` and has no row, by all rows of the window: nothing is faster where most of these are due.
SELECT site_id, region_id, slot_at, slot_at + patience_ms * '1 millisecond'::interval AS missed_at
FROM due
LEFT JOIN (
    SELECT site_id, region_id, slot_at, true AS is_there
    FROM sitemon.result
    WHERE kind = 'scheduled'
        AND slot_at >= sitemon.from_ms(%(from_ms)s)
        AND slot_at < sitemon.from_ms(%(until_ms)s)
) AS seen USING (site_id, region_id, slot_at)
WHERE is_there IS NULL

-- name: missing_by_slot
-- What is ``due`` and has no row, each looked up by itself: of sites with many patiences the rows of hours would have to
-- be read.
SELECT site_id, region_id, slot_at, slot_at + patience_ms * '1 millisecond'::interval AS missed_at
FROM due
LEFT JOIN LATERAL (
    SELECT true AS is_there
    FROM sitemon.result
    WHERE (result.site_id, result.region_id) = (due.site_id, due.region_id)
        AND result.slot_at = due.slot_at
        AND result.kind = 'scheduled'
        -- So that only the partitions of this time are opened.
        AND result.slot_at >= sitemon.from_ms(%(from_ms)s)
        AND result.slot_at < sitemon.from_ms(%(until_ms)s)
    LIMIT 1
) AS seen ON true
WHERE seen.is_there IS NULL

-- name: stretches_since
-- Those of each site from the last one on that begins before `since_ms`: none reaches beyond the beginning of the next.
SELECT stretch.*
FROM unnest(%(site_ids)s::integer[], %(region_ids)s::integer[], %(since_ms)s::bigint[]) AS given (
    site_id, region_id, since_ms
)
-- Without an offset it might be joined by the site alone.
CROSS JOIN LATERAL (
    SELECT site_id, region_id, from_ms, until_ms, interval_ms, patience_ms
    FROM sitemon.schedule_stretch AS stretch
    WHERE stretch.site_id = given.site_id
        AND stretch.region_id = given.region_id
        -- Without an upper bound the planner would take them for a third of all.
        AND stretch.from_ms BETWEEN coalesce(
            (
                SELECT max(from_ms)
                FROM sitemon.schedule_stretch AS last
                WHERE last.site_id = given.site_id
                    AND last.region_id = given.region_id
                    AND last.from_ms < given.since_ms
            ),
            given.since_ms
        ) AND 9223372036854775807
    OFFSET 0
) AS stretch

-- name: asked_of_watches
-- The slots of these sites in their regions with since_ms <= slot < until_ms whose patience has ended, of each ``stretch``.
SELECT stretch.site_id, stretch.region_id, slot_ms, slot_ms + patience_ms AS missed_ms
FROM unnest(%(site_ids)s::integer[], %(region_ids)s::integer[], %(since_ms)s::bigint[]) AS given (
    site_id, region_id, since_ms
)
JOIN stretch USING (site_id, region_id)
CROSS JOIN LATERAL generate_series(
    CASE
        WHEN from_ms >= since_ms THEN from_ms
        ELSE from_ms + ((since_ms - from_ms - 1) / interval_ms + 1) * interval_ms
    END,
    least(stretch.until_ms - 1, %(until_ms)s::bigint - 1, %(closed_ms)s - patience_ms),
    interval_ms
) AS slot_ms

-- name: missing_of_watches
-- What is ``asked`` and has no row, each looked up by itself: of a table that has just grown by very many rows nothing is
-- known by which to plan.
SELECT site_id, region_id, sitemon.from_ms(slot_ms) AS slot_at, sitemon.from_ms(missed_ms) AS missed_at
FROM asked
LEFT JOIN LATERAL (
    SELECT true AS is_there
    FROM sitemon.result
    WHERE (result.site_id, result.region_id) = (asked.site_id, asked.region_id)
        AND result.slot_at = sitemon.from_ms(slot_ms)
        AND result.kind = 'scheduled'
    LIMIT 1
) AS seen ON true
WHERE seen.is_there IS NULL

-- name: derive
-- A derived row for each slot that is ``missing``, but for those that are counted in an away stretch. It stands for the
-- URL that was looked at last.
INSERT INTO pg_temp.incoming (
    slot_at, checked_at, site_id, region_id, target_id, redirects, body_bytes, kind, outcome, reason_id, is_derived
)
SELECT
    missing.slot_at,
    missing.missed_at,
    missing.site_id,
    missing.region_id,
    coalesce(
        state.target_id, (SELECT max(target_id) FROM sitemon.target WHERE target.site_id = missing.site_id)
    ),
    0,
    0,
    'scheduled',
    'missed',
    CASE
        -- One value for all rows: in a join each row would carry it, which may have megabytes.
        WHEN (SELECT range_agg(int8range(from_ms, until_ms, '[]')) FROM sitemon.reign WHERE from_ms <= until_ms)
            @> sitemon.to_ms(missing.slot_at)
        THEN lost.reason_id
        ELSE beat_down.reason_id
    END,
    true
FROM missing
LEFT JOIN sitemon.current_state AS state
    ON state.site_id = missing.site_id AND state.region_id = missing.region_id
CROSS JOIN (SELECT reason_id FROM sitemon.reason WHERE name = 'lost') AS lost
CROSS JOIN (SELECT reason_id FROM sitemon.reason WHERE name = 'beat_down') AS beat_down
WHERE NOT EXISTS (
    SELECT
    FROM (
        -- One value for each region, which is searched: there may be thousands of stretches beside as many slots.
        SELECT region_id, range_agg(int8range(from_ms, until_ms)) AS slots_ms
        FROM sitemon.away_stretch
        WHERE from_ms <= (SELECT sitemon.to_ms(max(slot_at)) FROM missing)
            AND until_ms > (SELECT sitemon.to_ms(min(slot_at)) FROM missing)
        GROUP BY region_id
    ) AS away
    WHERE away.region_id = missing.region_id AND away.slots_ms @> sitemon.to_ms(missing.slot_at)
);

-- name: wrong_derived
-- Derived rows of these sites with since_ms <= slot < until_ms that are not ``asked`` for as they are, in the order of all
-- who write, so that none waits for another in a ring. No join: it could compare each row with all stretches of its site.
SELECT site_id, region_id, slot_ms
FROM (
    SELECT site_id, region_id, sitemon.to_ms(slot_at) AS slot_ms, sitemon.to_ms(checked_at) AS missed_ms
    FROM unnest(%(site_ids)s::integer[], %(region_ids)s::integer[], %(since_ms)s::bigint[]) AS given (
        site_id, region_id, since_ms
    )
    JOIN sitemon.result USING (site_id, region_id)
    WHERE slot_at >= sitemon.from_ms(since_ms) AND slot_at < sitemon.from_ms(%(until_ms)s) AND is_derived
    EXCEPT
    SELECT site_id, region_id, slot_ms, missed_ms FROM asked
) AS wrong
ORDER BY 1, 2, 3;

-- name: delete_derived
-- Delete derived rows of these slots, which are first_ms <= slot < until_ms, and take them out of hours and days that are
-- rolled up. Returns one row: whose states have to be settled.
WITH gone AS (
    DELETE FROM sitemon.result
    USING unnest(%(site_ids)s::integer[], %(region_ids)s::integer[], %(slots_ms)s::bigint[]) AS given (
        site_id, region_id, slot_ms
    )
    WHERE (result.site_id, result.region_id) = (given.site_id, given.region_id)
        AND result.slot_at = sitemon.from_ms(given.slot_ms)
        AND result.kind = 'scheduled'
        AND result.is_derived
        -- So that only the partitions of this time are opened.
        AND result.slot_at >= sitemon.from_ms(%(first_ms)s)
        AND result.slot_at < sitemon.from_ms(%(until_ms)s)
    RETURNING result.site_id, result.region_id, result.slot_at
), late AS (
    SELECT
        gone.site_id,
        region_id,
        sitemon.hour_of(slot_at) AS hour_at,
        count(*) FILTER (WHERE stretch.site_id IS NULL)::integer AS missed,
        count(stretch.site_id)::integer AS maintenance
    FROM gone
    LEFT JOIN sitemon.maintenance_stretch AS stretch
        ON stretch.site_id = gone.site_id AND slot_at >= stretch.from_at AND slot_at < stretch.until_at
    WHERE slot_at < (SELECT hours_until_at FROM sitemon.watermark)
    GROUP BY 1, 2, 3
), move_hours AS (
    UPDATE sitemon.count_hour AS hour SET
        missed = hour.missed - late.missed, maintenance = hour.maintenance - late.maintenance
    FROM late
    WHERE (hour.site_id, hour.region_id, hour.hour_at) = (late.site_id, late.region_id, late.hour_at)
), move_days AS (
    UPDATE sitemon.count_day AS daily SET
        missed = daily.missed - late.missed, maintenance = daily.maintenance - late.maintenance
    FROM (
        SELECT
            site_id,
            region_id,
            sitemon.day_of(hour_at) AS day,
            sum(missed)::integer AS missed,
            sum(maintenance)::integer AS maintenance
        FROM late
        GROUP BY 1, 2, 3
    ) AS late
    WHERE (daily.site_id, daily.region_id, daily.day) = (late.site_id, late.region_id, late.day)
), unsettled AS (
    SELECT site_id, region_id, min(slot_at) AS first_slot_at FROM gone GROUP BY 1, 2 ORDER BY 1, 2
), marked AS (
    INSERT INTO sitemon.undecided (site_id, from_at)
    SELECT site_id, min(first_slot_at) FROM unsettled GROUP BY site_id
)
SELECT array_agg(site_id), array_agg(region_id) FROM unsettled;

-- name: forget_empty
-- States, hours and days of sites that have no row for them any more; a row of a slot that lies ahead is none of a state.
-- By the time of day: a batch that began after this transaction may have made a state.
DELETE FROM sitemon.current_state AS state
WHERE (site_id, region_id) IN (SELECT * FROM unnest(%(site_ids)s::integer[], %(region_ids)s::integer[]))
    AND slot_at >= (SELECT raw_from_at FROM sitemon.watermark)
    AND NOT EXISTS (
        SELECT
        FROM sitemon.result
        WHERE result.site_id = state.site_id
            AND result.region_id = state.region_id
            AND result.kind NOT IN ('adhoc', 'confirm')
            AND result.slot_at <= (SELECT clock_timestamp()) + '1 minute'::interval
    );
DELETE FROM sitemon.count_hour AS hour
USING unnest(%(site_ids)s::integer[], %(region_ids)s::integer[], %(since_ms)s::bigint[]) AS given (
    site_id, region_id, since_ms
)
WHERE (hour.site_id, hour.region_id) = (given.site_id, given.region_id)
    AND hour_at >= sitemon.hour_of(sitemon.from_ms(since_ms))
    AND up + degraded + down + missed + maintenance = 0;
DELETE FROM sitemon.count_day AS daily
USING unnest(%(site_ids)s::integer[], %(region_ids)s::integer[], %(since_ms)s::bigint[]) AS given (
    site_id, region_id, since_ms
)
WHERE (daily.site_id, daily.region_id) = (given.site_id, given.region_id)
    AND day >= sitemon.day_of(sitemon.from_ms(since_ms))
    AND up + degraded + down + missed + maintenance = 0;

-- name: correct_reasons
-- A beat was there after all, as reigns say that came late, in parts of the time first_ms <= slot < end_ms. Corrects some
-- rows; returns one: whether there were any, and whose states name the reason.
WITH covered AS MATERIALIZED (
    SELECT range_agg(int8range(from_ms, until_ms)) AS parts
    FROM unnest(%(from_ms)s::bigint[], %(until_ms)s::bigint[]) AS given (from_ms, until_ms)
), corrected AS (
    UPDATE sitemon.result SET reason_id = (SELECT reason_id FROM sitemon.reason WHERE name = 'lost')
    FROM (
        -- In the order of all who write, so that none waits for another in a ring.
        SELECT site_id, region_id, slot_at, kind
        FROM sitemon.result
        WHERE is_derived
            AND slot_at >= sitemon.from_ms(%(first_ms)s)
            AND slot_at < sitemon.from_ms(%(end_ms)s)
            AND reason_id = (SELECT reason_id FROM sitemon.reason WHERE name = 'beat_down')
            AND (SELECT parts FROM covered) @> sitemon.to_ms(slot_at)
        ORDER BY site_id, region_id, slot_at, kind
        LIMIT %(rows)s
        FOR UPDATE
    ) AS wrong
    WHERE (result.site_id, result.region_id, result.slot_at, result.kind)
            = (wrong.site_id, wrong.region_id, wrong.slot_at, wrong.kind)
        AND result.is_derived
    RETURNING result.site_id, result.region_id
), unsettled AS (
    SELECT DISTINCT site_id, region_id FROM corrected ORDER BY 1, 2
)
SELECT count(*) > 0, array_agg(site_id), array_agg(region_id) FROM unsettled;

-- name: writers
-- The transactions that write results now; see lock_shared.
SELECT virtualtransaction
FROM pg_locks
JOIN pg_database ON pg_database.oid = pg_locks.database
CROSS JOIN (SELECT hashtextextended('sitemon.watermark', 0) AS number) AS key
WHERE datname = current_database()
    AND locktype = 'advisory'
    AND objsubid = 1
    AND (classid::bigint << 32) | objid::bigint = number
    AND granted
    AND pid <> pg_backend_pid();

-- name: forget_away_hours_between
DELETE FROM sitemon.away_hour
WHERE hour_at >= greatest(sitemon.from_ms(%(from_hour)s::bigint * 3600000), (SELECT raw_from_at FROM sitemon.watermark))
    AND hour_at < sitemon.from_ms(%(until_hour)s::bigint * 3600000)
    AND (site_id, region_id) IN (
        SELECT site_id, region_id FROM sitemon.schedule_stretch WHERE patience_ms BETWEEN %(shortest_ms)s AND %(longest_ms)s
    );

-- name: count_away_hours_between
-- As ``count_away_hours``, of all sites: the few rows of that time are looked up in the schedule, not the many slots in the
-- rows.
watch AS MATERIALIZED (
    SELECT site_id, region_id, from_ms, least(until_ms, closed_ms - patience_ms + 1) AS until_ms, interval_ms
    FROM sitemon.schedule_stretch
    -- It has one row; a planner without statistics would take it for a thousand.
    CROSS JOIN (SELECT closed_ms FROM sitemon.account LIMIT 1) AS account
    WHERE (site_id, region_id) IN (
        SELECT site_id, region_id FROM sitemon.schedule_stretch WHERE patience_ms BETWEEN %(shortest_ms)s AND %(longest_ms)s
    )
)
INSERT INTO sitemon.away_hour (site_id, region_id, hour_at, missed)
SELECT site_id, region_id, sitemon.from_ms(hour * 3600000), sum(slots)
FROM (
    SELECT site_id, region_id, hour, slots FROM asked
    UNION ALL
    SELECT site_id, region_id, slot_ms / 3600000, -1
    FROM (
        SELECT site_id, region_id, sitemon.to_ms(slot_at) AS slot_ms
        FROM sitemon.result
        WHERE kind = 'scheduled'
            AND slot_at >= (SELECT sitemon.from_ms(min(lower(slots_ms))) FROM away)
            AND slot_at < (SELECT sitemon.from_ms(max(upper(slots_ms))) FROM away)
            AND EXISTS (
                SELECT
                FROM away
                WHERE away.region_id = result.region_id
                    AND away.hour = sitemon.to_ms(slot_at) / 3600000
                    AND away.slots_ms @> sitemon.to_ms(slot_at)
            )
    ) AS result
    JOIN watch USING (site_id, region_id)
    WHERE slot_ms >= watch.from_ms AND slot_ms < watch.until_ms AND (slot_ms - watch.from_ms) %% interval_ms = 0
) AS counted
GROUP BY site_id, region_id, hour
HAVING sum(slots) > 0
ORDER BY 1, 2, 3;

-- name: move_away
UPDATE sitemon.account SET away_ms = %(away_ms)s;

-- name: move_away_back
-- As far as rows are kept. Within the account each slot has its row or is counted, whatever is said to be away later.
UPDATE sitemon.account SET away_ms = least(away_ms, greatest(%(from_ms)s, raw_from_ms))
FROM (SELECT sitemon.to_ms(raw_from_at) AS raw_from_ms FROM sitemon.watermark) AS kept
WHERE greatest(%(from_ms)s, raw_from_ms) < from_ms;

-- name: is_away_between
SELECT EXISTS (SELECT FROM sitemon.away WHERE until_ms > %(from_ms)s AND from_ms <= %(until_ms)s);

-- name: publishers
SELECT name, up_to_ms FROM sitemon.publisher WHERE NOT is_last LIMIT %(most)s;
