-- The piece of a page that tells why a site is down.

SET LOCAL lock_timeout = '4s';
SET LOCAL statement_timeout = '30s';

ALTER TABLE sitemon.result ADD COLUMN excerpt text;
ALTER TABLE sitemon.incident ADD COLUMN excerpt text;
ALTER TABLE sitemon.incident ADD COLUMN cert_expires_at timestamptz;

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
    result.excerpt
FROM sitemon.result
JOIN sitemon.site ON site.site_id = result.site_id
JOIN sitemon.region ON region.region_id = result.region_id
JOIN sitemon.target ON target.target_id = result.target_id
LEFT JOIN sitemon.reason ON reason.reason_id = result.reason_id;
