-- What a site costs that goes up and down for ever, and is at rest in between.

SET LOCAL lock_timeout = '4s';
SET LOCAL statement_timeout = '30s';

-- What an alerter keeps of a site at rest: after all rows of slots up to `rested_at` these regions see it as up. Those who
-- write results do not look here. `state` is that after rows of slots up to `until_at`, shortly before, for those that
-- come late.
CREATE TABLE sitemon.incident_rest (
    site_id integer PRIMARY KEY,
    until_at timestamptz NOT NULL,
    state jsonb NOT NULL,
    rested_at timestamptz NOT NULL,
    regions text[] NOT NULL
);
