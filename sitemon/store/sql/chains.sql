-- name: note_chains
-- In whichever order and however often they come. Returns of each where, and whether it is new.
INSERT INTO sitemon.certificate_chain AS known (site_id, region_id, digest, chain, first_at, last_at)
SELECT site_id, region_id, md5(chain::text), chain, min(slot_at), max(slot_at)
FROM jsonb_to_recordset(%(chains)s) AS given (site_id integer, region_id integer, slot_at timestamptz, chain jsonb)
GROUP BY site_id, region_id, chain
-- In one order everywhere, so that two recorders cannot wait for each other.
ORDER BY 1, 2, 3
ON CONFLICT (site_id, region_id, digest) DO UPDATE SET
    first_at = least(known.first_at, excluded.first_at),
    last_at = greatest(known.last_at, excluded.last_at)
RETURNING site_id, region_id, xmax = 0;

-- name: forget_crowded
-- All but the newest of a server that has others again and again. One that is told of at this moment stays, and nobody waits
-- for anybody.
DELETE FROM sitemon.certificate_chain
WHERE (site_id, region_id, digest) IN (
    SELECT site_id, region_id, digest
    FROM sitemon.certificate_chain
    JOIN (
        SELECT older.*
        FROM unnest(%(site_ids)s::integer[], %(region_ids)s::integer[]) AS given (site_id, region_id)
        CROSS JOIN LATERAL (
            SELECT site_id, region_id, digest
            FROM sitemon.certificate_chain AS chain
            WHERE (chain.site_id, chain.region_id) = (given.site_id, given.region_id)
            ORDER BY last_at DESC, digest
            OFFSET %(most)s
        ) AS older
    ) AS crowded USING (site_id, region_id, digest)
    FOR UPDATE OF certificate_chain SKIP LOCKED
);

-- name: forget_old
-- Of those that a thousand random pages of the table show: to be late is no harm, and to read all of them would take seconds,
-- where sites have very many or there were very many sites. One that is told of at this moment stays here, too.
DELETE FROM sitemon.certificate_chain
WHERE ctid = ANY (
    ARRAY(
        SELECT ctid
        FROM sitemon.certificate_chain
        TABLESAMPLE SYSTEM (least(100, 8e8 / greatest(1, pg_relation_size('sitemon.certificate_chain'))))
        WHERE last_at < %(before)s
        FOR UPDATE SKIP LOCKED
    )
);
