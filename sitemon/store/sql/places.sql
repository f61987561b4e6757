-- name: next_place
-- A site in a region so many rows after another one, of tables of which one has a row of each that has anything, and of that
-- of the sites: up to there there are not more.
SELECT site_id, region_id
FROM (
    (
        SELECT site_id, region_id
        FROM sitemon.current_state
        WHERE (site_id, region_id) > (%(site_id)s, %(region_id)s)
        ORDER BY site_id, region_id
        LIMIT %(most)s
    )
    UNION ALL
    (
        SELECT site_id, region_id
        FROM sitemon.schedule_stretch
        WHERE (site_id, region_id) > (%(site_id)s, %(region_id)s)
        ORDER BY site_id, region_id
        LIMIT %(most)s
    )
    UNION ALL
    (
        SELECT site_id, region_id
        FROM sitemon.away_hour
        WHERE (site_id, region_id) > (%(site_id)s, %(region_id)s)
        ORDER BY site_id, region_id
        LIMIT %(most)s
    )
    UNION ALL
    (
        SELECT site_id, 2147483647 -- behind all its regions
        FROM sitemon.site
        WHERE site_id >= %(site_id)s AND (site_id, 2147483647) > (%(site_id)s, %(region_id)s)
        ORDER BY site_id
        LIMIT %(most)s
    )
) AS place
ORDER BY site_id, region_id
OFFSET %(most)s - 1
LIMIT 1;
