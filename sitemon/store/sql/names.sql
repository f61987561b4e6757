-- name: add_sites
INSERT INTO sitemon.site (name)
SELECT name FROM unnest(%(names)s::text[]) AS given (name)
WHERE NOT EXISTS (SELECT FROM sitemon.site WHERE site.name = given.name)
ORDER BY name
ON CONFLICT DO NOTHING;

-- name: find_sites
SELECT name, site_id FROM sitemon.site WHERE name = ANY (%(names)s::text[]);

-- name: add_regions
INSERT INTO sitemon.region (name)
SELECT name FROM unnest(%(names)s::text[]) AS given (name)
WHERE NOT EXISTS (SELECT FROM sitemon.region WHERE region.name = given.name)
ORDER BY name
ON CONFLICT DO NOTHING;

-- name: find_regions
SELECT name, region_id FROM sitemon.region WHERE name = ANY (%(names)s::text[]);

-- name: add_reasons
-- A reason that this version knows and the database does not: it was made by a later version's model.
INSERT INTO sitemon.reason (name, outcome, meaning)
SELECT * FROM unnest(%(names)s::text[], %(outcomes)s::sitemon.outcome[], %(meanings)s::text[])
ON CONFLICT DO NOTHING;

-- name: find_reasons
SELECT name, reason_id FROM sitemon.reason;

-- name: add_targets
INSERT INTO sitemon.target (site_id, url, match)
SELECT site_id, url, match
FROM unnest(%(site_ids)s::integer[], %(urls)s::text[], %(matches)s::text[]) AS given (site_id, url, match)
WHERE NOT EXISTS (
    SELECT FROM sitemon.target
    WHERE target.site_id = given.site_id
        AND md5(target.url) = md5(given.url)
        AND md5(target.match) IS NOT DISTINCT FROM md5(given.match)
    OFFSET 0 -- by index target_once for each that is given: a table of all that there ever were is not read
)
ORDER BY site_id, url, match
ON CONFLICT DO NOTHING;

-- name: find_targets
SELECT target.site_id, target.url, target.match, target.target_id
FROM unnest(%(site_ids)s::integer[], %(urls)s::text[], %(matches)s::text[]) AS given (site_id, url, match)
JOIN sitemon.target
    ON target.site_id = given.site_id
    AND md5(target.url) = md5(given.url)
    AND md5(target.match) IS NOT DISTINCT FROM md5(given.match)
    AND target.url = given.url
    AND target.match IS NOT DISTINCT FROM given.match;
