-- What an alerter does beside: it confirms first failures at once, and looks whether regions are online.

SET LOCAL lock_timeout = '4s';
SET LOCAL statement_timeout = '30s';

-- The confirming checks that an alerter wants, by the key of their results. Whoever sends one has it until
-- `leased_until_at`; sent ones stay for a while, so that the same check is not asked for twice.
CREATE TABLE sitemon.confirming (
    site_id integer NOT NULL REFERENCES sitemon.site,
    region text NOT NULL,
    slot_at timestamptz NOT NULL,
    leased_until_at timestamptz NOT NULL DEFAULT '-infinity',
    sent_at timestamptz,
    -- Queries add_confirming and cancel_confirming: those of a site, each once.
    PRIMARY KEY (site_id, region, slot_at)
);

-- When a region was offline: what it could not reach in slots with from_at <= slot < until_at says nothing of sites.
CREATE TABLE sitemon.region_outage (
    region text NOT NULL,
    from_at timestamptz NOT NULL,
    until_at timestamptz,
    PRIMARY KEY (region, from_at)
);

-- Query begin_outage: a region is offline once.
CREATE UNIQUE INDEX region_outage_open ON sitemon.region_outage (region) WHERE until_at IS NULL;

-- That sites are not looked at, as it was said: once for a cause, and a region where it is of one.
CREATE TABLE sitemon.silence (
    cause text NOT NULL,
    region text NOT NULL,
    since_at timestamptz NOT NULL,
    told_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    PRIMARY KEY (cause, region, told_at)
);

-- Query begin_silence: it is said once while it lasts.
CREATE UNIQUE INDEX silence_open ON sitemon.silence (cause, region) WHERE ended_at IS NULL;

-- What confirms counts for incidents alone.
CREATE OR REPLACE VIEW sitemon.counted_result AS
SELECT
    result.site_id,
    result.region_id,
    result.slot_at,
    sitemon.hour_of(result.slot_at) AS hour_at,
    (outcome = 'up' AND stretch.site_id IS NULL)::integer AS up,
    (outcome = 'degraded' AND stretch.site_id IS NULL)::integer AS degraded,
    (outcome = 'down' AND stretch.site_id IS NULL)::integer AS down,
    (outcome = 'missed' AND stretch.site_id IS NULL)::integer AS missed,
    CASE WHEN outcome <> 'missed' THEN sitemon.latency_bucket(latency_s) END AS bucket,
    (stretch.site_id IS NOT NULL)::integer AS maintenance
FROM sitemon.result
LEFT JOIN sitemon.maintenance_stretch AS stretch
    ON stretch.site_id = result.site_id AND result.slot_at >= stretch.from_at AND result.slot_at < stretch.until_at
WHERE kind NOT IN ('adhoc', 'confirm');
