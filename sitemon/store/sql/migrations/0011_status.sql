-- What other programs are told of each site's state, on topic sitemon.status.

SET LOCAL lock_timeout = '4s';
SET LOCAL statement_timeout = '30s';

-- The state of a site as alerters decided it last.
CREATE TABLE sitemon.decided_state (
    site_id integer PRIMARY KEY REFERENCES sitemon.site,
    state text NOT NULL,
    since_at timestamptz NOT NULL,
    incident_id integer REFERENCES sitemon.incident
);

-- Each change of it that Kafka has not acknowledged yet, written in the transaction that decides.
CREATE TABLE sitemon.untold_state (
    sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id integer NOT NULL REFERENCES sitemon.site,
    state text NOT NULL,
    since_at timestamptz NOT NULL,
    regions jsonb NOT NULL,
    incident_id integer REFERENCES sitemon.incident,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Query forget_untold: whether there is a newer one of a site.
CREATE INDEX untold_state_by_site ON sitemon.untold_state (site_id, sequence);

-- Of the sites that there are, too.
INSERT INTO sitemon.undecided (site_id, from_at)
SELECT site_id, max(slot_at) FROM sitemon.current_state GROUP BY site_id;
