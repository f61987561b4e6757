-- Which sites are degraded, and who was told.

SET LOCAL lock_timeout = '4s';
SET LOCAL statement_timeout = '30s';

-- A site that is degraded, as alerters decided it last, or was when somebody was told: then it stays until `ended_at`, and
-- until they are told that, too. `channels` are those that were told; null: it is not decided yet who is. It is not before
-- `is_settled`, when no further region has begun to fail.
CREATE TABLE sitemon.degradation (
    site_id integer PRIMARY KEY REFERENCES sitemon.site,
    since_at timestamptz NOT NULL,
    regions jsonb NOT NULL,
    reason text,
    http_code smallint,
    error text,
    excerpt text,
    cert_expires_at timestamptz,
    is_settled boolean NOT NULL,
    ended_at timestamptz,
    channels text[]
);

-- Query to_tell: those of which something is to be said.
CREATE INDEX degradation_to_tell ON sitemon.degradation (site_id) WHERE channels IS NULL OR ended_at IS NOT NULL;
