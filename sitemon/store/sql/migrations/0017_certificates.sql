-- What the page shows beside results: chains of certificates, and that a past is made up.

SET LOCAL lock_timeout = '4s';
SET LOCAL statement_timeout = '30s';

-- What lies before this moment never was: the demo wrote it. Null in every other database.
ALTER TABLE sitemon.watermark ADD COLUMN made_up_until_at timestamptz;

CREATE OR REPLACE VIEW sitemon.freshness AS
SELECT sitemon.from_ms(closed_ms) AS closed_at, made_up_until_at
FROM sitemon.account
CROSS JOIN sitemon.watermark;

COMMENT ON VIEW sitemon.freshness IS
    'One row. Up to closed_at it is decided of every slot whether it was missed; while all is well, that is less than 20 s '
    'ago. What lies before made_up_until_at never was; it is null but in the demo.';

-- Chains of certificates, the server's own first, each as often as it was told of: by results of slots from `first_at` to
-- `last_at`. A process tells of one once an hour.
CREATE TABLE sitemon.certificate_chain (
    site_id integer NOT NULL REFERENCES sitemon.site,
    region_id integer NOT NULL REFERENCES sitemon.region,
    digest text NOT NULL,
    chain jsonb NOT NULL,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    -- Queries note_chains and chains: those of a site in a region, each once.
    PRIMARY KEY (site_id, region_id, digest)
);

CREATE VIEW sitemon.certificates AS
SELECT
    site.name AS site,
    region.name AS region,
    first_at,
    last_at,
    digest AS chain,
    (certificate.place - 1)::integer AS place,
    certificate.one ->> 'subject' AS subject,
    certificate.one ->> 'issuer' AS issuer,
    (certificate.one ->> 'begins_at')::timestamptz AS begins_at,
    (certificate.one ->> 'expires_at')::timestamptz AS expires_at
FROM sitemon.certificate_chain
JOIN sitemon.site USING (site_id)
JOIN sitemon.region USING (region_id)
CROSS JOIN LATERAL jsonb_array_elements(chain) WITH ORDINALITY AS certificate (one, place);

COMMENT ON VIEW sitemon.certificates IS
    'The certificates that servers sent, one row each: those of one chain have the same chain, and place 0 is the server''s '
    'own. It was told of, once an hour, from first_at to last_at: the chain with the newest last_at is that of today.';
