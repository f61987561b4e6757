-- name: note_chains
-- In whichever order and however often they come.
INSERT INTO sitemon.certificate_chain AS known (site_id, region_id, digest, chain, first_at, last_at)
SELECT site_id, region_id, md5(chain::text), chain, min(slot_at), max(slot_at)
FROM jsonb_to_recordset(%(chains)s) AS given (site_id integer, region_id integer, slot_at timestamptz, chain jsonb)
GROUP BY site_id, region_id, chain
-- In one order everywhere, so that two recorders cannot wait for each other.
ORDER BY 1, 2, 3
ON CONFLICT (site_id, region_id, digest) DO UPDATE SET
    first_at = least(known.first_at, excluded.first_at),
    last_at = greatest(known.last_at, excluded.last_at);

-- name: forget_chains
-- Old ones, and all but the newest of a server that has others again and again. One that is told of at this moment stays,
-- and nobody waits for anybody.
DELETE FROM sitemon.certificate_chain
WHERE (site_id, region_id, digest) IN (
    SELECT site_id, region_id, digest
    FROM sitemon.certificate_chain
    JOIN (
        SELECT
            site_id,
            region_id,
            digest,
            row_number() OVER (PARTITION BY site_id, region_id ORDER BY last_at DESC, digest) AS place
        FROM sitemon.certificate_chain
    ) AS placed USING (site_id, region_id, digest)
    WHERE last_at < %(before)s OR place > %(most)s
    FOR UPDATE OF certificate_chain SKIP LOCKED
);
