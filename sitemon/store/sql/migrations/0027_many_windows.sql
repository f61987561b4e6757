-- Whether a slot is maintained, of a site with very many windows: as no two of its stretches overlap, the newest that
-- begins up to the slot says it.

SET LOCAL lock_timeout = '4s';
SET LOCAL statement_timeout = '30s';

-- What confirms counts for incidents alone.
CREATE OR REPLACE VIEW sitemon.counted_result AS
SELECT
    site_id,
    region_id,
    slot_at,
    sitemon.hour_of(slot_at) AS hour_at,
    (outcome = 'up' AND is_counted)::integer AS up,
    (outcome = 'degraded' AND is_counted)::integer AS degraded,
    -- Few are down: only of those it is looked up whether the region was offline.
    (outcome = 'down' AND is_counted AND NOT is_blind)::integer AS down,
    (outcome <> 'up' AND is_counted AND (outcome = 'missed' OR outcome = 'down' AND is_blind))::integer AS missed,
    CASE WHEN outcome <> 'missed' AND is_counted AND (outcome <> 'down' OR NOT is_blind)
        THEN sitemon.latency_bucket(latency_s)
    END AS bucket,
    (NOT is_counted)::integer AS maintenance
FROM (
    SELECT
        result.site_id,
        region_id,
        slot_at,
        outcome,
        latency_s,
        newest.is_maintained IS NOT TRUE AS is_counted,
        EXISTS (
            SELECT
            FROM sitemon.blind_stretch AS blind
            WHERE blind.region_id = result.region_id
                AND blind.reason_id = result.reason_id
                AND result.slot_at >= blind.from_at
                AND result.slot_at < blind.until_at
        ) AS is_blind
    FROM sitemon.result
    LEFT JOIN LATERAL (
        SELECT result.slot_at < stretch.until_at AS is_maintained
        FROM sitemon.maintenance_stretch AS stretch
        WHERE stretch.site_id = result.site_id AND stretch.from_at <= result.slot_at
        ORDER BY stretch.from_at DESC
        LIMIT 1
    ) AS newest ON true
    WHERE kind NOT IN ('adhoc', 'confirm')
) AS placed;

CREATE OR REPLACE VIEW sitemon.results AS
SELECT
    site.name AS site,
    target.url,
    region.name AS region,
    result.kind::text AS kind,
    result.slot_at,
    result.checked_at,
    result.outcome::text AS outcome,
    reason.name AS reason,
    result.http_code,
    result.latency_s,
    result.dns_s,
    result.connect_s,
    result.tls_s,
    result.first_byte_s,
    result.download_s,
    target.match,
    result.is_match_found,
    host(result.ip) AS ip,
    result.http_version,
    result.redirects,
    result.body_bytes,
    result.cert_expires_at,
    result.error,
    result.excerpt,
    -- No joins, so that who does not ask for it does not pay for it.
    CASE
        WHEN result.kind IN ('adhoc', 'confirm') THEN NULL
        WHEN (
            SELECT result.slot_at < stretch.until_at
            FROM sitemon.maintenance_stretch AS stretch
            WHERE stretch.site_id = result.site_id AND stretch.from_at <= result.slot_at
            ORDER BY stretch.from_at DESC
            LIMIT 1
        ) THEN 'maintenance'
        WHEN result.outcome = 'down' AND EXISTS (
            SELECT
            FROM sitemon.blind_stretch AS blind
            WHERE blind.region_id = result.region_id
                AND blind.reason_id = result.reason_id
                AND result.slot_at >= blind.from_at
                AND result.slot_at < blind.until_at
        ) THEN 'missed'
        ELSE result.outcome::text
    END AS counts_as
FROM sitemon.result
JOIN sitemon.site ON site.site_id = result.site_id
JOIN sitemon.region ON region.region_id = result.region_id
JOIN sitemon.target ON target.target_id = result.target_id
LEFT JOIN sitemon.reason ON reason.reason_id = result.reason_id;
