-- name: add_alerts
-- In the order in which they were decided. Each takes the turn after that of the last one that waits of its site, or joins
-- the present turn of the channel: so it waits for one alert of each other site at most. What is of no site is as of
-- one of each file, whose name begins with a slash.
WITH given AS (
    SELECT
        *,
        coalesce(event #>> '{data,site}', '/' || file) AS site,
        row_number() OVER (PARTITION BY channel, coalesce(event #>> '{data,site}', '/' || file) ORDER BY place) - 1 AS before
    FROM jsonb_to_recordset(%(alerts)s) AS given (
        place integer,
        event_id uuid,
        channel text,
        incident_id integer,
        event jsonb,
        file text,
        wait_s double precision
    )
)
INSERT INTO sitemon.outbox (event_id, channel, type, incident_id, event, site_name, file, due_at, turn)
SELECT
    event_id,
    channel,
    event ->> 'type',
    incident_id,
    event,
    event #>> '{data,site}',
    file,
    now() + wait_s * '1 second'::interval,
    before + greatest(0, present.turn, last_waiting.turn + 1)
FROM given
LEFT JOIN sitemon.channel AS present ON present.name = given.channel
LEFT JOIN LATERAL (
    SELECT turn
    FROM sitemon.outbox
    WHERE outbox.channel = given.channel
        AND coalesce(outbox.event #>> '{data,site}', '/' || outbox.file) = given.site
        AND delivered_at IS NULL
        AND given_up_at IS NULL
        AND turn >= 0
    ORDER BY outbox_id DESC -- its turn is the last one of the site, as the index of its alerts finds it
    LIMIT 1
) AS last_waiting ON true
ORDER BY place;

-- name: add_channels
INSERT INTO sitemon.channel (name) SELECT unnest(%(names)s::text[]) ON CONFLICT DO NOTHING;

-- name: take_channel
-- A channel, if there is something to send, for as long as the lease lasts: nobody else sends on it. One that waits can be
-- taken, too, if it was released for that: then its lease did not end at -infinity. One that is held is taken by who holds it.
UPDATE sitemon.channel SET leased_until_at = now() + %(lease_s)s * '1 second'::interval, lease = %(lease)s
WHERE name = (
    SELECT name
    FROM sitemon.channel
    WHERE name = %(channel)s
        AND CASE
            WHEN lease = %(held)s THEN channel.due_at <= now()
            ELSE leased_until_at <= now() AND (channel.due_at <= now() OR leased_until_at > '-infinity')
        END
        AND (
            (%(anyway)s AND channel.due_at <= now())
            OR EXISTS (
                SELECT
                FROM sitemon.outbox
                WHERE outbox.channel = channel.name
                    AND delivered_at IS NULL
                    AND given_up_at IS NULL
                    AND outbox.due_at <= now()
            )
        )
    FOR UPDATE SKIP LOCKED
)
RETURNING failures, disabled_target, due_at > now();

-- name: due_alerts
-- By turns, of each file the first: the next file is looked up in an index, however much waits of the one before. The first of
-- these turns is the present one from here on. That stays before what was tried already: so new alerts of other sites come
-- before it.
WITH RECURSIVE files (file) AS (
    (
        SELECT file
        FROM sitemon.outbox
        WHERE channel = %(channel)s AND delivered_at IS NULL AND given_up_at IS NULL
        ORDER BY file
        LIMIT 1
    )
    UNION ALL
    SELECT (
        SELECT outbox.file
        FROM sitemon.outbox
        WHERE channel = %(channel)s AND delivered_at IS NULL AND given_up_at IS NULL AND outbox.file > files.file
        ORDER BY outbox.file
        LIMIT 1
    )
    FROM files
    WHERE files.file IS NOT NULL
), due AS MATERIALIZED (
    SELECT first.*
    FROM files
    CROSS JOIN LATERAL (
        SELECT outbox_id, coalesce(event #>> '{data,site}', '/' || outbox.file) AS site, outbox.file, tries, turn
        FROM sitemon.outbox
        WHERE channel = %(channel)s
            AND outbox.file BETWEEN files.file AND files.file
            AND delivered_at IS NULL
            AND given_up_at IS NULL
            AND due_at <= now()
        ORDER BY outbox.file, turn, outbox_id -- in which order the index by file has them, and no other one
        LIMIT %(of_each)s
    ) AS first
), moved AS (
    UPDATE sitemon.channel SET turn = first.turn
    FROM (SELECT min(turn - CASE WHEN tries > 0 THEN 1 ELSE 0 END) AS turn FROM due) AS first
    WHERE name = %(channel)s AND channel.turn < first.turn
)
SELECT outbox_id, site, file, turn FROM due ORDER BY turn, outbox_id;

-- name: waiting_sites
SELECT coalesce(event #>> '{data,site}', '/' || file) AS site, max(tries) > 0
FROM sitemon.outbox
WHERE channel = %(channel)s AND delivered_at IS NULL AND given_up_at IS NULL
GROUP BY site;

-- name: turns_again
-- Of what was refused and is due again, with what else waits of its site, in their order: after the present turn.
SELECT outbox_id, channel.turn + row_number() OVER (PARTITION BY site ORDER BY outbox_id)
FROM (
    SELECT
        outbox_id,
        channel,
        coalesce(event #>> '{data,site}', '/' || file) AS site,
        turn < 0 AND due_at > now() AS waits,
        bool_or(turn < 0 AND due_at <= now()) OVER (PARTITION BY coalesce(event #>> '{data,site}', '/' || file)) AS is_due_again
    FROM sitemon.outbox
    WHERE channel = %(channel)s AND delivered_at IS NULL AND given_up_at IS NULL
) AS waiting
JOIN sitemon.channel ON channel.name = waiting.channel
WHERE is_due_again AND NOT waits;

-- name: give_turns
UPDATE sitemon.outbox SET turn = given.turn
FROM unnest(%(outbox_ids)s::bigint[], %(turns)s::bigint[]) AS given (outbox_id, turn)
WHERE outbox.outbox_id = given.outbox_id;

-- name: read_waiting
SELECT outbox_id, event_id::text, event, tries FROM sitemon.outbox WHERE outbox_id = ANY (%(outbox_ids)s);

-- name: due_message
-- The message of the oldest alert that is due, null where it is in none yet, and its site: first what is to be the first, then
-- where fewer tries of the site failed, one being as none unless sites are tried one by one. Of a site that waits in a message
-- that is due, nothing else is.
SELECT message_id, site
FROM (
    SELECT
        outbox_id,
        message_id,
        coalesce(event #>> '{data,site}', '/' || file) AS site,
        max(tries) OVER of_site AS tries,
        bool_or(message_id IS NOT NULL) OVER of_site AS is_in_message
    FROM sitemon.outbox
    WHERE channel = %(channel)s AND delivered_at IS NULL AND given_up_at IS NULL AND due_at <= now()
    WINDOW of_site AS (PARTITION BY coalesce(event #>> '{data,site}', '/' || file))
) AS due
WHERE (message_id IS NOT NULL OR NOT is_in_message) AND site <> ALL (%(but_for)s)
ORDER BY
    (message_id = %(first)s::uuid) IS TRUE DESC,
    CASE WHEN %(is_of_one_site)s THEN tries ELSE greatest(tries, 1) END,
    outbox_id
LIMIT 1;

-- name: gather_message
-- What waits, or of one site, goes into one message, also what is not due yet: it happened while others were waited for. Not
-- what is of a site that waits in a message that is due: that comes first. Where there is very much, sites take turns.
UPDATE sitemon.outbox SET message_id = %(message_id)s
WHERE outbox_id IN (
    SELECT outbox_id
    FROM sitemon.outbox
    WHERE channel = %(channel)s
        AND delivered_at IS NULL
        AND given_up_at IS NULL
        AND message_id IS NULL
        AND (%(site)s::text IS NULL OR coalesce(event #>> '{data,site}', '/' || file) = %(site)s)
        AND coalesce(event #>> '{data,site}', '/' || file) NOT IN (
            SELECT coalesce(event #>> '{data,site}', '/' || file)
            FROM sitemon.outbox
            WHERE channel = %(channel)s
                AND delivered_at IS NULL
                AND given_up_at IS NULL
                AND message_id IS NOT NULL
                AND due_at <= now()
        )
    ORDER BY turn, outbox_id
    LIMIT %(alerts)s
);

-- name: message_types
SELECT type, count(*)::integer, max(tries)
FROM sitemon.outbox
WHERE channel = %(channel)s AND delivered_at IS NULL AND given_up_at IS NULL AND message_id = %(message_id)s
GROUP BY type;

-- name: message_sites
-- Of each site the first ones before all of one site.
SELECT outbox_id, coalesce(event #>> '{data,site}', '/' || file)
FROM sitemon.outbox
WHERE channel = %(channel)s AND delivered_at IS NULL AND given_up_at IS NULL AND message_id = %(message_id)s
ORDER BY turn, outbox_id;

-- name: narrow_message
UPDATE sitemon.outbox SET message_id = NULL
WHERE channel = %(channel)s
    AND delivered_at IS NULL
    AND given_up_at IS NULL
    AND message_id = %(message_id)s
    AND outbox_id <> ALL (%(outbox_ids)s);

-- name: message_delivered
UPDATE sitemon.outbox SET delivered_at = now(), tries = tries + 1, problem = NULL
WHERE channel = %(channel)s AND delivered_at IS NULL AND given_up_at IS NULL AND message_id = %(message_id)s
RETURNING outbox_id, coalesce(event #>> '{data,site}', '/' || file);

-- name: message_failed
-- A day after the newest of its alerts was made, a message is given up; of one that is broken up, each alert by itself.
UPDATE sitemon.outbox SET
    tries = tries + 1,
    problem = %(problem)s,
    due_at = now() + %(wait_s)s * '1 second'::interval,
    message_id = CASE WHEN NOT %(is_broken_up)s THEN message_id END,
    given_up_at = CASE
        WHEN now() - '1 day'::interval > CASE
            WHEN %(is_broken_up)s THEN created_at
            ELSE (
                SELECT max(created_at)
                FROM sitemon.outbox
                WHERE channel = %(channel)s
                    AND delivered_at IS NULL
                    AND given_up_at IS NULL
                    AND message_id = %(message_id)s
            )
        END THEN now()
    END
WHERE channel = %(channel)s AND delivered_at IS NULL AND given_up_at IS NULL AND message_id = %(message_id)s
RETURNING given_up_at IS NOT NULL;

-- name: split_message
-- The message of a site is numbered by that and by what it was a part of.
UPDATE sitemon.outbox SET
    tries = tries + 1,
    problem = %(problem)s,
    due_at = now(),
    message_id = md5(message_id || coalesce(event #>> '{data,site}', '/' || file))::uuid
WHERE channel = %(channel)s AND delivered_at IS NULL AND given_up_at IS NULL AND message_id = %(message_id)s;

-- name: put_behind_others
-- All that waits of the site of an alert, by one turn; but for what has none.
UPDATE sitemon.outbox SET turn = outbox.turn + 1
FROM (SELECT coalesce(event #>> '{data,site}', '/' || file) AS site FROM sitemon.outbox WHERE outbox_id = %(outbox_id)s) AS failed
WHERE outbox.channel = %(channel)s
    AND delivered_at IS NULL
    AND given_up_at IS NULL
    AND outbox.turn >= 0
    AND coalesce(event #>> '{data,site}', '/' || file) = failed.site;

-- name: delivered
UPDATE sitemon.outbox SET delivered_at = now(), tries = tries + 1, problem = NULL
WHERE outbox_id = %(outbox_id)s
RETURNING outbox_id, coalesce(event #>> '{data,site}', '/' || file);

-- name: first_waiting
SELECT min(outbox_id)
FROM (
    SELECT outbox_id
    FROM sitemon.outbox
    WHERE channel = ANY (%(channels)s) AND delivered_at IS NULL AND given_up_at IS NULL
    OFFSET 0 -- by an index of what waits, not by one of all alerts from the first on
) AS waiting;

-- name: give_up_overtaken
-- What waits of these sites, or of all, though what came after it has arrived, of the same incident, or else of the same site
-- or region: it was refused, and would say as the last word how it was. What has arrived are these alerts, or all from a
-- first one on.
UPDATE sitemon.outbox SET
    given_up_at = now(),
    is_overtaken = true,
    problem = CASE WHEN is_overtaken THEN problem ELSE concat_ws(': ', 'overtaken by what came later', problem) END
WHERE outbox_id = ANY (
    ARRAY(
        SELECT outbox_id
        FROM (
            SELECT
                outbox_id,
                delivered_at,
                max(outbox_id) FILTER (WHERE delivered_at IS NOT NULL) OVER (
                    PARTITION BY
                        channel,
                        CASE
                            WHEN incident_id IS NOT NULL THEN to_jsonb(incident_id)
                            ELSE jsonb_build_array(
                                split_part(type, '.', 1),
                                event #> '{data,site}',
                                event #> '{data,region}',
                                event #> '{data,cause}'
                            )
                        END
                ) AS last_arrived
            FROM (
                SELECT * FROM sitemon.outbox WHERE outbox_id = ANY (%(arrived)s::bigint[])
                UNION ALL
                SELECT *
                FROM sitemon.outbox
                WHERE channel = ANY (%(channels)s) AND outbox_id >= %(first)s::bigint AND delivered_at IS NOT NULL
                UNION ALL
                SELECT *
                FROM sitemon.outbox
                WHERE channel = ANY (%(channels)s)
                    AND (%(sites)s::text[] IS NULL OR coalesce(event #>> '{data,site}', '/' || file) = ANY (%(sites)s))
                    AND delivered_at IS NULL
                    AND given_up_at IS NULL
            ) AS of_these
        ) AS told
        WHERE delivered_at IS NULL AND outbox_id < last_arrived
    )
);

-- name: failed
-- After a day it is given up: it stays in the view, and the log says so. What waits by itself has no turn (-1) until it is
-- due: others go on meanwhile.
UPDATE sitemon.outbox SET
    tries = tries + 1,
    problem = %(problem)s,
    due_at = now() + %(wait_s)s * '1 second'::interval,
    turn = CASE WHEN %(wait_s)s > 0 THEN -1 ELSE turn END,
    given_up_at = CASE WHEN created_at < now() - '1 day'::interval THEN now() END
WHERE outbox_id = %(outbox_id)s AND delivered_at IS NULL
RETURNING given_up_at IS NOT NULL;

-- name: give_up
-- Some at a time, in the order of index outbox_by_turn.
UPDATE sitemon.outbox SET problem = %(problem)s, given_up_at = now()
WHERE outbox_id = ANY (
    ARRAY(
        SELECT outbox_id
        FROM sitemon.outbox
        WHERE channel = %(channel)s AND delivered_at IS NULL AND given_up_at IS NULL
        ORDER BY turn, outbox_id
        LIMIT %(most)s
    )
)
    AND delivered_at IS NULL
    AND given_up_at IS NULL;

-- name: give_up_unknown
-- Of what waits for channels but these, the next to look at in the order of index outbox_by_turn; what is a day old of it is
-- given up. Returns the last one, if there may be more.
WITH next AS MATERIALIZED (
    SELECT waiting.*
    FROM sitemon.channel AS unknown
    CROSS JOIN LATERAL (
        SELECT channel, turn, outbox_id, created_at
        FROM sitemon.outbox
        WHERE channel = unknown.name
            AND (channel, turn, outbox_id) > (%(channel)s, %(turn)s, %(outbox_id)s)
            AND delivered_at IS NULL
            AND given_up_at IS NULL
        ORDER BY channel, turn, outbox_id
        LIMIT %(most)s
    ) AS waiting
    WHERE unknown.name <> ALL (%(known)s)
    ORDER BY channel, turn, outbox_id
    LIMIT %(most)s
), given_up AS (
    UPDATE sitemon.outbox SET problem = 'no alerter knows this channel', given_up_at = now()
    WHERE outbox_id = ANY (ARRAY(SELECT outbox_id FROM next WHERE created_at < now() - '1 day'::interval))
        AND delivered_at IS NULL
        AND given_up_at IS NULL
)
SELECT channel, turn, outbox_id FROM next ORDER BY channel, turn, outbox_id OFFSET %(most)s - 1;

-- name: release_channel
-- Nobody else's lease: one that was frozen for longer than its own has no say any more. A channel that waits goes on waiting
-- unless it has taken something.
UPDATE sitemon.channel SET
    leased_until_at = CASE
        WHEN %(others_wait_s)s::double precision IS NULL THEN '-infinity'
        ELSE least(
            now() + %(others_wait_s)s * '1 second'::interval,
            greatest(due_at, now() + %(wait_s)s * '1 second'::interval)
        )
    END,
    lease = NULL,
    failures = %(failures)s,
    due_at = CASE
        WHEN %(failures)s = 0 THEN '-infinity'
        ELSE greatest(due_at, now() + %(wait_s)s * '1 second'::interval)
    END,
    disabled_target = %(disabled_target)s
WHERE name = %(channel)s AND lease = %(number)s;

-- name: set_back
-- What waits longer than anything does, or was made later than now, was so by a clock that was ahead and was set back since.
WITH channels AS (
    UPDATE sitemon.channel SET due_at = '-infinity', leased_until_at = '-infinity', lease = NULL
    WHERE due_at > now() + '1 hour'::interval OR leased_until_at > now() + '1 hour'::interval
)
UPDATE sitemon.outbox SET
    created_at = least(created_at, now()),
    due_at = CASE WHEN tries > 0 THEN now() ELSE due_at - (created_at - now()) END
WHERE delivered_at IS NULL
    AND given_up_at IS NULL
    AND (created_at > now() + '1 minute'::interval OR (tries > 0 AND due_at > now() + '1 hour'::interval));

-- name: hold_channel
-- It waits, and for so much longer nobody else can take it.
UPDATE sitemon.channel SET
    leased_until_at = greatest(due_at, now() + %(wait_s)s * '1 second'::interval) + %(held_s)s * '1 second'::interval,
    failures = %(failures)s,
    due_at = greatest(due_at, now() + %(wait_s)s * '1 second'::interval),
    disabled_target = %(disabled_target)s
WHERE name = %(channel)s AND lease = %(number)s;

-- name: retry
-- Send again at once what waits, and what was given up; what was overtaken is given up again.
UPDATE sitemon.outbox SET due_at = now(), given_up_at = NULL, created_at = greatest(created_at, now() - '1 hour'::interval)
WHERE delivered_at IS NULL AND (given_up_at IS NOT NULL OR due_at > now() OR tries > 0);

-- name: turns_anew
-- What was given up before others and waits again has its place before those of its site.
SELECT
    outbox_id,
    channel.turn - 1 + row_number() OVER (PARTITION BY channel.name, coalesce(event #>> '{data,site}', '/' || file) ORDER BY outbox_id)
FROM sitemon.outbox
JOIN sitemon.channel ON channel.name = outbox.channel
WHERE delivered_at IS NULL AND given_up_at IS NULL;

-- name: enable_channels
-- One that waits and has a lease is held, by an alerter that may be gone, or somebody tries one alert: others wait for that.
UPDATE sitemon.channel SET
    leased_until_at = CASE
        WHEN lease IS NULL THEN '-infinity'
        WHEN due_at > now() THEN least(leased_until_at, now() + '1 minute'::interval)
        ELSE leased_until_at
    END,
    due_at = '-infinity',
    failures = 0,
    disabled_target = NULL
RETURNING name;

-- name: alerts
SELECT
    alert_id,
    type,
    site,
    incident_id,
    channel,
    state,
    created_at,
    delivered_at,
    tries,
    problem,
    is_overtaken
FROM sitemon.alerts
WHERE created_at >= %(since)s
ORDER BY alert_id DESC
LIMIT %(alerts)s;
