-- name: add_schedule_events
-- An event that is there already changes nothing. Returns the sites whose stretches these may change: of all others the
-- event is the newest, and says what holds already. And of each, whether all that is new of it is later than what they
-- follow from, and reaches back for a few slots at most.
WITH given AS (
    SELECT *
    FROM unnest(
        %(site_ids)s::integer[],
        %(region_ids)s::integer[],
        %(tokens)s::bigint[],
        %(sequences)s::bigint[],
        %(at_ms)s::bigint[],
        %(from_ms)s::bigint[],
        %(interval_ms)s::bigint[],
        %(patience_ms)s::bigint[],
        %(labels)s::jsonb[]
    ) AS given (site_id, region_id, token, sequence, at_ms, from_ms, interval_ms, patience_ms, labels)
), added AS (
    INSERT INTO sitemon.schedule_event (
        site_id, region_id, token, sequence, at_ms, from_ms, interval_ms, patience_ms, labels
    )
    SELECT * FROM given
    ORDER BY site_id, region_id, token, sequence, at_ms
    ON CONFLICT DO NOTHING
    RETURNING *
), confirmed AS (
    SELECT added.site_id, added.region_id, added.token, added.sequence, added.at_ms, added.labels
    FROM added
    JOIN sitemon.watch USING (site_id, region_id)
    CROSS JOIN LATERAL (
        SELECT from_ms, until_ms, interval_ms, patience_ms
        FROM sitemon.schedule_stretch AS stretch
        WHERE (stretch.site_id, stretch.region_id) = (added.site_id, added.region_id)
        ORDER BY from_ms DESC
        LIMIT 1
    ) AS stretch
    WHERE (added.token, added.sequence) > (watch.token, watch.sequence)
        AND added.at_ms >= watch.at_ms
        AND stretch.until_ms = 9223372036854775807
        AND stretch.interval_ms = added.interval_ms
        AND stretch.patience_ms = added.patience_ms
        AND stretch.from_ms <= added.from_ms
        AND added.from_ms <= added.at_ms + added.interval_ms
        AND (added.from_ms - stretch.from_ms) %% stretch.interval_ms = 0
        AND NOT EXISTS (
            SELECT
            FROM sitemon.changed_watch AS changed
            WHERE (changed.site_id, changed.region_id) = (added.site_id, added.region_id)
        )
), changed AS (
    SELECT site_id, region_id FROM added
    EXCEPT ALL
    SELECT site_id, region_id FROM confirmed
), moved AS (
    UPDATE sitemon.watch SET
        token = newest.token, sequence = newest.sequence, at_ms = newest.at_ms, labels = newest.labels
    FROM (
        SELECT DISTINCT ON (site_id, region_id) *
        FROM confirmed
        WHERE (site_id, region_id) NOT IN (SELECT site_id, region_id FROM changed)
        ORDER BY site_id, region_id, token DESC, sequence DESC
    ) AS newest
    WHERE (watch.site_id, watch.region_id) = (newest.site_id, newest.region_id)
)
SELECT
    site_id,
    region_id,
    bool_and(
        (added.token, added.sequence) > (watch.token, watch.sequence)
        AND (from_ms IS NULL OR (added.at_ms - from_ms) / %(few)s <= interval_ms)
    ) IS TRUE
FROM added
LEFT JOIN sitemon.watch USING (site_id, region_id)
WHERE (site_id, region_id) IN (SELECT site_id, region_id FROM changed)
GROUP BY site_id, region_id;

-- name: add_tellings
INSERT INTO sitemon.telling (token, sequence, first, at_ms)
SELECT * FROM unnest(%(tokens)s::bigint[], %(sequences)s::bigint[], %(firsts)s::bigint[], %(at_ms)s::bigint[])
ON CONFLICT DO NOTHING;

-- name: forget_waiting
-- Of tellings that wait for events the newest stay. Returns how many of the others are gone, a part at a time.
WITH gone AS (
    DELETE FROM sitemon.telling
    WHERE (token, sequence) IN (
        SELECT token, sequence
        FROM sitemon.telling
        WHERE NOT is_complete
        ORDER BY token DESC, sequence DESC
        OFFSET %(most)s
        LIMIT %(at_once)s
    )
    RETURNING token
)
SELECT count(*) FROM gone;

-- name: complete_tellings
-- Tellings all of whose events have come; each is returned once. However many wait, events are counted once: those between
-- each first or last number and the next one, and by these, how many of the token there are before each.
WITH waiting AS MATERIALIZED (
    SELECT token, sequence, first
    FROM sitemon.telling
    WHERE NOT is_complete AND token = ANY (%(tokens)s) AND first <= sequence
), place AS (
    SELECT *, lead(number) OVER (PARTITION BY token ORDER BY number, telling, sign) AS next_number
    FROM (
        SELECT token, first AS number, sequence AS telling, -1 AS sign FROM waiting
        UNION ALL
        SELECT token, sequence, sequence, 1 FROM waiting
    ) AS ends
), counted AS (
    SELECT
        place.*,
        coalesce(
            sum(events) OVER (
                PARTITION BY token ORDER BY number, telling, sign ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ),
            0
        ) AS before
    FROM place
    CROSS JOIN LATERAL (
        SELECT count(*) AS events
        FROM sitemon.schedule_event AS event
        WHERE event.token = place.token AND event.sequence >= place.number AND event.sequence < place.next_number
    ) AS between_them
), complete AS (
    SELECT token, telling AS sequence
    FROM counted
    GROUP BY token, telling
    HAVING sum(sign * before) = sum(sign * number)
)
UPDATE sitemon.telling SET is_complete = true
FROM complete
WHERE (telling.token, telling.sequence) = (complete.token, complete.sequence)
RETURNING telling.token, telling.sequence;

-- name: unnamed_watches
-- Sites that had slots after the earliest of these tellings, as far as was known, and that not each of them names. Where two
-- overlap, only what is beyond the one before counts: so one of these also says anew what one says that follows it so, and
-- however many they are, each event is looked at once.
WITH given AS (
    SELECT * FROM unnest(%(tokens)s::bigint[], %(sequences)s::bigint[])
), complete AS (
    SELECT token, sequence, first, at_ms, lag(sequence) OVER (PARTITION BY token ORDER BY sequence) AS before
    FROM sitemon.telling
    WHERE is_complete AND token = ANY (%(tokens)s)
), told AS MATERIALIZED (
    SELECT token, sequence, greatest(first, before + 1) AS first, at_ms
    FROM complete
    WHERE (token, sequence) IN (SELECT * FROM given) OR (first <= before AND (token, before) IN (SELECT * FROM given))
), named AS (
    SELECT site_id, region_id, count(*) AS tellings
    FROM (
        SELECT DISTINCT event.site_id, event.region_id, told.token, told.sequence
        FROM told
        -- Without an offset they might be joined by the token alone.
        CROSS JOIN LATERAL (
            SELECT site_id, region_id
            FROM sitemon.schedule_event AS event
            WHERE event.token = told.token AND event.sequence >= told.first AND event.sequence <= told.sequence
            OFFSET 0
        ) AS event
    ) AS once
    GROUP BY site_id, region_id
)
SELECT DISTINCT site_id, region_id
FROM sitemon.schedule_stretch
LEFT JOIN named USING (site_id, region_id)
WHERE until_ms > (SELECT min(at_ms) FROM told) + 1 AND coalesce(tellings, 0) < (SELECT count(*) FROM told);

-- name: forget_tellings
-- Of more complete tellings than `most` those stay that hold the longest: up to the moment of a later one, which says
-- something of each site, too. The last always holds.
DELETE FROM sitemon.telling
WHERE (token, sequence) IN (
    SELECT token, sequence
    FROM (
        SELECT
            token,
            sequence,
            min(moment_ms) OVER (
                ORDER BY token DESC, sequence DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ) - moment_ms AS holds_ms
        FROM (
            -- Of what is older than the rows there may be any number, decades apart.
            SELECT token, sequence, greatest(at_ms, sitemon.to_ms(raw_from_at)) AS moment_ms
            FROM sitemon.telling
            CROSS JOIN sitemon.watermark
            WHERE is_complete
        ) AS complete
    ) AS placed
    ORDER BY holds_ms DESC, token DESC, sequence DESC
    OFFSET %(most)s
);

-- name: add_empty_targets
-- What a derived row stands for, where the site was never looked at.
INSERT INTO sitemon.target (site_id, url)
SELECT DISTINCT site_id, ''
FROM unnest(%(site_ids)s::integer[]) AS given (site_id)
WHERE NOT EXISTS (SELECT FROM sitemon.target WHERE target.site_id = given.site_id)
ON CONFLICT DO NOTHING;

-- name: note_changed
INSERT INTO sitemon.changed_watch AS changed (site_id, region_id, is_later)
SELECT * FROM unnest(%(site_ids)s::integer[], %(region_ids)s::integer[], %(are_later)s::boolean[])
ON CONFLICT (site_id, region_id) DO UPDATE SET is_later = false WHERE changed.is_later AND NOT excluded.is_later;

-- name: add_aways
-- Told by leaders of earlier versions. Of those that are new so many stay that there are no more than `most`. Returns since
-- when this changed what is away, and how many were passed over.
WITH given AS (
    SELECT
        given.*,
        away.region_id IS NOT NULL AS is_kept,
        row_number() OVER (PARTITION BY away.region_id ORDER BY given.from_ms) AS number
    FROM unnest(%(region_ids)s::integer[], %(from_ms)s::bigint[], %(until_ms)s::bigint[]) AS given (
        region_id, from_ms, until_ms
    )
    LEFT JOIN sitemon.away
        ON (away.region_id, away.from_ms) = (given.region_id, given.from_ms) AND NOT away.is_derived
    WHERE given.until_ms >= (SELECT sitemon.to_ms(raw_from_at) FROM sitemon.watermark)
), taken AS (
    SELECT *
    FROM given
    WHERE is_kept OR number <= %(most)s - (SELECT count(*) FROM sitemon.away WHERE NOT is_derived)
), changed AS (
    INSERT INTO sitemon.away (region_id, from_ms, until_ms)
    SELECT region_id, from_ms, until_ms
    FROM taken
    ORDER BY 1, 2
    ON CONFLICT (region_id, from_ms, is_derived) DO UPDATE SET until_ms = excluded.until_ms
    WHERE excluded.until_ms > away.until_ms
    RETURNING from_ms
)
SELECT (SELECT min(from_ms) FROM changed), (SELECT count(*) FROM given) - (SELECT count(*) FROM taken);

-- name: newly_covered
-- What these cover, from_ms <= moment < until_ms, that no reign covers yet: of all other time nothing has to be looked at
-- again.
WITH given AS (
    SELECT token, min(from_ms) AS from_ms, max(until_ms) AS until_ms
    FROM unnest(%(tokens)s::bigint[], %(from_ms)s::bigint[], %(until_ms)s::bigint[]) AS given (token, from_ms, until_ms)
    GROUP BY token
), before AS (
    SELECT coalesce(range_agg(int8range(from_ms, until_ms, '[]')), '{}'::int8multirange) AS covered
    FROM sitemon.reign
    WHERE from_ms <= until_ms
), after AS (
    SELECT range_agg(int8range(from_ms, until_ms, '[]')) AS covered
    FROM (
        SELECT
            least(reign.from_ms, given.from_ms) AS from_ms,
            greatest(reign.until_ms, given.until_ms) AS until_ms
        FROM given
        LEFT JOIN sitemon.reign USING (token)
    ) AS changed
    WHERE from_ms <= until_ms
)
SELECT lower(part), upper(part)
FROM (SELECT unnest(after.covered - before.covered) AS part FROM after CROSS JOIN before) AS parts
ORDER BY 1;

-- name: add_reigns
-- Those that meet become one, with the newest token of them. Of more than `most` the longest stay. What ended
-- ten minutes before the rows that are kept says nothing of them.
WITH told AS (
    SELECT token, min(from_ms) AS from_ms, max(until_ms) AS until_ms
    FROM (
        SELECT token, from_ms, until_ms FROM sitemon.reign
        UNION ALL
        SELECT * FROM unnest(%(tokens)s::bigint[], %(from_ms)s::bigint[], %(until_ms)s::bigint[])
    ) AS each
    GROUP BY token
), begun AS (
    SELECT
        *,
        from_ms > 1 + max(until_ms) OVER (
            ORDER BY from_ms, token ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS is_apart
    FROM told
    WHERE from_ms <= until_ms
), numbered AS (
    SELECT *, count(*) FILTER (WHERE is_apart) OVER (ORDER BY from_ms, token ROWS UNBOUNDED PRECEDING) AS number
    FROM begun
), united AS (
    SELECT max(token) AS token, min(from_ms) AS from_ms, max(until_ms) AS until_ms FROM numbered GROUP BY number
), kept AS MATERIALIZED (
    SELECT token, from_ms, until_ms
    FROM united
    WHERE until_ms >= (SELECT sitemon.to_ms(raw_from_at - '10 minutes'::interval) FROM sitemon.watermark)
    ORDER BY until_ms - from_ms DESC, token DESC
    LIMIT %(most)s
), gone AS (
    DELETE FROM sitemon.reign WHERE token NOT IN (SELECT token FROM kept)
)
INSERT INTO sitemon.reign (token, from_ms, until_ms)
SELECT token, from_ms, until_ms FROM kept
EXCEPT
SELECT token, from_ms, until_ms FROM sitemon.reign
ON CONFLICT (token) DO UPDATE SET from_ms = excluded.from_ms, until_ms = excluded.until_ms;

-- name: add_publishers
INSERT INTO sitemon.publisher AS publisher (name, up_to_ms, made, is_last)
SELECT name, max(up_to_ms), max(made), bool_or(is_last)
FROM unnest(%(names)s::text[], %(up_to_ms)s::bigint[], %(made)s::bigint[], %(are_last)s::boolean[]) AS given (
    name, up_to_ms, made, is_last
)
GROUP BY name
ON CONFLICT (name) DO UPDATE SET
    up_to_ms = greatest(publisher.up_to_ms, excluded.up_to_ms),
    made = greatest(publisher.made, excluded.made),
    is_last = publisher.is_last OR excluded.is_last;

-- name: last_of_next_sites
SELECT max(site_id)
FROM (SELECT site_id FROM sitemon.site WHERE site_id > %(after)s ORDER BY site_id LIMIT %(sites)s) AS next;

-- name: forget_history
-- Of each of these sites in a region the newest event of before `known_ms` stays, as the base.
WITH base AS MATERIALIZED (
    SELECT DISTINCT ON (site_id, region_id) site_id, region_id, token, sequence, at_ms
    FROM sitemon.schedule_event
    WHERE site_id > %(after)s AND site_id <= %(last)s AND at_ms < %(known_ms)s
    ORDER BY site_id, region_id, token DESC, sequence DESC, at_ms DESC
), gone AS (
    DELETE FROM sitemon.schedule_event AS event
    USING base
    WHERE (event.site_id, event.region_id) = (base.site_id, base.region_id)
        AND (event.token, event.sequence, event.at_ms) < (base.token, base.sequence, base.at_ms)
    RETURNING event.site_id, event.region_id
)
UPDATE sitemon.schedule_event AS event SET is_base = true
FROM base
WHERE (event.site_id, event.region_id, event.token, event.sequence, event.at_ms)
        = (base.site_id, base.region_id, base.token, base.sequence, base.at_ms)
    AND (event.site_id, event.region_id) IN (SELECT site_id, region_id FROM gone);
-- What asks for no slot that is kept.
DELETE FROM sitemon.schedule_event AS event
USING sitemon.watermark
WHERE event.site_id > %(after)s
    AND event.site_id <= %(last)s
    AND event.at_ms < sitemon.to_ms(raw_from_at)
    AND NOT EXISTS (
        SELECT
        FROM sitemon.schedule_stretch AS stretch
        WHERE (stretch.site_id, stretch.region_id) = (event.site_id, event.region_id)
            AND stretch.until_ms > sitemon.to_ms(raw_from_at)
    )
    -- One that was said while a clock was ahead is kept, and needs what ended it.
    AND NOT EXISTS (
        SELECT
        FROM sitemon.schedule_event AS kept
        WHERE (kept.site_id, kept.region_id) = (event.site_id, event.region_id)
            AND kept.at_ms >= sitemon.to_ms(raw_from_at)
    );
DELETE FROM sitemon.schedule_stretch
USING sitemon.watermark
WHERE site_id > %(after)s AND site_id <= %(last)s AND until_ms <= sitemon.to_ms(raw_from_at);

-- name: forget_marks
-- Once the history of all sites was looked at.
DELETE FROM sitemon.telling USING sitemon.watermark
WHERE at_ms < sitemon.to_ms(raw_from_at)
    AND NOT EXISTS (
        SELECT
        FROM sitemon.schedule_event AS event
        WHERE (event.token, event.sequence) < (telling.token, telling.sequence)
    );
DELETE FROM sitemon.away USING sitemon.watermark WHERE NOT is_derived AND until_ms < sitemon.to_ms(raw_from_at);
DELETE FROM sitemon.reign USING sitemon.watermark WHERE until_ms < sitemon.to_ms(raw_from_at);
WITH gone AS (
    DELETE FROM sitemon.publisher USING sitemon.watermark
    WHERE up_to_ms < sitemon.to_ms(raw_from_at)
    RETURNING made
)
UPDATE sitemon.account SET
    made_before = least(made_before + (SELECT coalesce(sum(made), 0) FROM gone), 1::bigint << 62);

-- name: forget_publishers
-- Beyond the newest, of those that did not end before those that did. None of them lives, so what they made is all.
WITH gone AS (
    DELETE FROM sitemon.publisher
    WHERE name IN (
        SELECT name
        FROM sitemon.publisher
        WHERE NOT EXISTS (
            SELECT FROM unnest(%(living)s::text[]) AS living (name) WHERE living.name = publisher.name
        )
        ORDER BY is_last, up_to_ms DESC
        OFFSET %(kept)s
        LIMIT %(at_once)s
    )
    RETURNING made
), moved AS (
    UPDATE sitemon.account SET made_before = least(made_before + (SELECT sum(made) FROM gone), 1::bigint << 62)
    WHERE EXISTS (SELECT FROM gone)
)
SELECT count(*) FROM gone;
