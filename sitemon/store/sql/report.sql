-- The figures of a report, from the public views alone. Days are numbered from 1 on: `starts_at` holds the beginning of
-- each. First what the queries below are made of, each as a WITH query of its name: of each pair the one that reads days of
-- UTC, or hours of any other days.

-- name: begin_report
-- All of each answer is read, though in pieces.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;
SET LOCAL cursor_tuple_fraction = 1;

-- name: labelled
SELECT DISTINCT ON (site) site, labels FROM sitemon.site_status ORDER BY site, is_ended, region

-- name: fitting
-- The sites that have all of the labels.
SELECT site FROM labelled WHERE labels @> %(labels)s::jsonb AND labels ?& %(label_names)s::text[]

-- name: is_asked
-- By names few sites are found without reading all: before the views sum, which PostgreSQL does with no other condition.
(%(among)s::text[] IS NULL OR site = ANY (%(among)s::text[]))
AND (%(labels)s::jsonb IS NULL OR site IN (SELECT fitting.site FROM fitting))

-- name: counted_by_days
SELECT
    site,
    width_bucket(day::timestamp AT TIME ZONE 'UTC', %(starts_at)s::timestamptz[]) AS day,
    up,
    degraded,
    down,
    missed,
    maintenance
FROM sitemon.uptime_daily
WHERE day >= (%(from_at)s AT TIME ZONE 'UTC')::date AND day < (%(until_at)s AT TIME ZONE 'UTC')::date

-- name: counted_by_hours
SELECT
    site,
    width_bucket(hour_at, %(starts_at)s::timestamptz[]) AS day,
    up,
    degraded,
    down,
    missed,
    maintenance
FROM sitemon.uptime_hourly
WHERE hour_at >= %(from_at)s AND hour_at < %(until_at)s

-- name: timed_by_days
SELECT site, width_bucket(day::timestamp AT TIME ZONE 'UTC', %(starts_at)s::timestamptz[]) AS day, bucket, checks
FROM sitemon.latency_daily
WHERE day >= (%(from_at)s AT TIME ZONE 'UTC')::date AND day < (%(until_at)s AT TIME ZONE 'UTC')::date

-- name: timed_by_hours
SELECT site, width_bucket(hour_at, %(starts_at)s::timestamptz[]) AS day, bucket, checks
FROM sitemon.latency_hourly
WHERE hour_at >= %(from_at)s AND hour_at < %(until_at)s

-- name: happened
SELECT incident_id, site, started_at, ended_at, decided_at, regions, reason, http_code
FROM sitemon.incidents
WHERE withdrawn_at IS NULL AND started_at < %(until_at)s AND (ended_at IS NULL OR ended_at > %(from_at)s)

-- name: seen
-- Each site of the report, how much of it was surely up, and whose it is.
SELECT site, coalesce(owner, 0) AS owner, low
FROM (
    SELECT site, sum(up) / nullif(sum(due), 0) AS low
    FROM (
        SELECT site, up + degraded AS up, up + degraded + down + missed AS due
        FROM counted
        UNION ALL
        SELECT site, 0, 0
        FROM happened
    ) AS found
    GROUP BY site
) AS site_seen
LEFT JOIN unnest(%(owned)s::text[], %(owners)s::integer[]) AS owned (site, owner) USING (site)

-- name: member
-- Where figures of a site go: to that site or, where listed is null, to what is summed of the group of this number. What
-- is not here is of sites without labels.
SELECT site, site AS listed, number
FROM unnest(%(sites)s::text[], %(numbers)s::integer[]) AS of_listed (site, number)
UNION ALL
SELECT site, NULL, coalesce(number, %(rest)s)
FROM labelled
LEFT JOIN unnest(%(groups)s::text[]) WITH ORDINALITY AS named (name, place) ON name = coalesce(labels ->> %(group_by)s, '')
CROSS JOIN LATERAL (SELECT (place - 1)::integer AS number) AS numbered
WHERE %(are_others_grouped)s
    AND NOT EXISTS (SELECT FROM unnest(%(sites)s::text[]) AS also (listed) WHERE also.listed = labelled.site)

-- name: some_fitting
SELECT site FROM fitting LIMIT %(few)s + 1;

-- name: listed_sites
-- As many as have room, the worst of each owner first: an owner who took less so far has his turn before one who took more.
SELECT site, sites
FROM (
    SELECT site, cost, sites, sum(cost) OVER (ORDER BY turn, site ROWS UNBOUNDED PRECEDING) AS taken
    FROM (
        SELECT
            site,
            cost,
            count(*) OVER () AS sites,
            sum(cost) OVER (PARTITION BY owner ORDER BY low, site ROWS UNBOUNDED PRECEDING) AS turn
        FROM seen
        LEFT JOIN labelled USING (site)
        CROSS JOIN LATERAL (
            SELECT greatest(%(site_cost)s, octet_length(labels::text) / %(label_bytes)s) AS cost
        ) AS priced
    ) AS placed
) AS in_turns
WHERE %(most)s::bigint IS NULL OR taken <= greatest(%(most)s, cost);

-- name: listed_groups
-- Likewise, of each owner those in which he has most sites first. Of a group that several have the first turn counts.
SELECT name, groups
FROM (
    SELECT name, cost, count(*) OVER () AS groups, sum(cost) OVER (ORDER BY turn, name ROWS UNBOUNDED PRECEDING) AS taken
    FROM (
        SELECT name, cost, min(turn) AS turn
        FROM (
            SELECT
                name,
                cost,
                sum(cost) OVER (PARTITION BY owner ORDER BY sites DESC, name ROWS UNBOUNDED PRECEDING) AS turn
            FROM (
                SELECT owner, coalesce(labels ->> %(group_by)s, '') AS name, count(*) AS sites
                FROM seen
                LEFT JOIN labelled USING (site)
                GROUP BY 1, 2
            ) AS grouped
            CROSS JOIN LATERAL (SELECT greatest(%(group_cost)s, octet_length(name) / %(label_bytes)s) AS cost) AS priced
        ) AS placed
        GROUP BY name, cost
    ) AS of_all
) AS in_turns
WHERE %(most)s::bigint IS NULL OR taken <= greatest(%(most)s, cost);

-- name: labels
SELECT site, labels::text
FROM labelled
JOIN unnest(%(sites)s::text[]) AS listed (site) USING (site);

-- name: others
SELECT coalesce(number, %(unlabelled)s), count(*)
FROM seen
LEFT JOIN member USING (site)
WHERE listed IS NULL
GROUP BY 1;

-- name: counts
SELECT
    listed,
    coalesce(number, %(unlabelled)s),
    day,
    sum(up)::bigint,
    sum(degraded)::bigint,
    sum(down)::bigint,
    sum(missed)::bigint,
    sum(maintenance)::bigint
FROM counted
LEFT JOIN member USING (site)
GROUP BY 1, 2, 3
ORDER BY day;

-- name: latencies
SELECT listed, number, array_agg(bucket), array_agg(checks)
FROM (
    SELECT listed, coalesce(number, %(unlabelled)s) AS number, bucket, sum(checks)::bigint AS checks
    FROM timed
    LEFT JOIN member USING (site)
    GROUP BY 1, 2, 3
) AS histogram
GROUP BY 1, 2;

-- name: group_latencies
SELECT coalesce(number, %(unlabelled)s), day, bucket, sum(checks)::bigint
FROM timed
LEFT JOIN member USING (site)
GROUP BY 1, 2, 3;

-- name: incident_sums
SELECT
    listed,
    coalesce(number, %(unlabelled)s),
    count(*) AS incidents,
    count(*) FILTER (WHERE ended_at IS NULL) AS open,
    sum(date_part('epoch', greatest(least(ended_at, %(until_at)s, %(now)s) - greatest(started_at, %(from_at)s), '0'))),
    sum(date_part('epoch', decided_at - started_at)),
    coalesce(sum(date_part('epoch', ended_at - started_at)), 0)
FROM happened
LEFT JOIN member USING (site)
GROUP BY 1, 2;

-- name: newest_incidents
SELECT
    coalesce(number, %(unlabelled)s),
    incident_id,
    site,
    started_at,
    ended_at,
    decided_at,
    regions,
    reason,
    http_code
FROM (SELECT * FROM happened ORDER BY started_at DESC, incident_id DESC LIMIT %(most_listed)s) AS newest
LEFT JOIN member USING (site)
ORDER BY started_at DESC, incident_id DESC;
