-- What is to decide, what was decided, and what is to be said of it.

SET LOCAL lock_timeout = '4s';
SET LOCAL statement_timeout = '30s';

-- What is to decide ----------------------------------------------------------------------------------------------------

-- A site of which rows of slots from `from_at` on changed so that an incident may follow. Rows are only added by those who
-- write results, so that they never wait for an alerter.
CREATE TABLE sitemon.undecided (
    undecided_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id integer NOT NULL,
    from_at timestamptz NOT NULL
);

-- Query take_marks: all of one site.
CREATE INDEX undecided_by_site ON sitemon.undecided (site_id);

-- What an alerter keeps of a site that is not at rest: `state` after all rows of slots up to `until_at`. Of a site that is
-- not here, further good rows need not be looked at.
CREATE TABLE sitemon.incident_state (
    site_id integer PRIMARY KEY REFERENCES sitemon.site,
    until_at timestamptz NOT NULL,
    state jsonb NOT NULL
);

-- The thresholds of a site, as alerters found them in the configuration: they hold for rows of slots from `from_at` on.
CREATE TABLE sitemon.incident_policy (
    site_id integer NOT NULL REFERENCES sitemon.site,
    from_at timestamptz NOT NULL,
    down_after integer NOT NULL,
    up_after integer NOT NULL,
    -- Query policies: those of one site in their order.
    PRIMARY KEY (site_id, from_at)
);

-- Incidents --------------------------------------------------------------------------------------------------------------

-- `opened_by_at` and `closed_by_at` are the slots of the rows by which it was decided. One that late rows withdrew stays.
CREATE TABLE sitemon.incident (
    incident_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id integer NOT NULL REFERENCES sitemon.site,
    started_at timestamptz NOT NULL,
    ended_at timestamptz,
    opened_by_at timestamptz NOT NULL,
    closed_by_at timestamptz,
    regions text[] NOT NULL,
    reason text,
    http_code smallint,
    error text,
    decided_at timestamptz NOT NULL DEFAULT now(),
    withdrawn_at timestamptz,
    acknowledged_at timestamptz,
    acknowledged_by text
);

-- Queries incidents_since and view incidents: those of one site, and the newest of all.
CREATE INDEX incident_by_site ON sitemon.incident (site_id, started_at);
-- Query incidents: the newest of all.
CREATE INDEX incident_by_time ON sitemon.incident (started_at);

-- Query open_incidents: those of which people may have to be reminded.
CREATE INDEX incident_open ON sitemon.incident (site_id) WHERE ended_at IS NULL AND withdrawn_at IS NULL;

CREATE VIEW sitemon.incidents AS
SELECT
    incident.incident_id,
    site.name AS site,
    incident.started_at,
    incident.ended_at,
    incident.regions,
    incident.reason,
    incident.http_code,
    incident.error,
    incident.decided_at,
    incident.withdrawn_at,
    incident.acknowledged_at,
    incident.acknowledged_by
FROM sitemon.incident
JOIN sitemon.site ON site.site_id = incident.site_id;

COMMENT ON VIEW sitemon.incidents IS
    'Stretches in which a site was down, by its thresholds: from the first failure to the first good result, in regions. '
    'reason, http_code and error are of the first failure. Of one with withdrawn_at, late results said that it never was.';

-- Alerts -----------------------------------------------------------------------------------------------------------------

-- An event for one channel, written in the transaction that decides. `event_id` is the same in all channels, and in every
-- try. It is given up a day after it was made.
CREATE TABLE sitemon.outbox (
    outbox_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id uuid NOT NULL,
    channel text NOT NULL,
    type text NOT NULL,
    incident_id integer REFERENCES sitemon.incident,
    event jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    due_at timestamptz NOT NULL DEFAULT now(),
    tries integer NOT NULL DEFAULT 0,
    delivered_at timestamptz,
    given_up_at timestamptz,
    problem text
);

-- Queries take_channel and due_alerts: what is to be sent on a channel.
CREATE INDEX outbox_to_send ON sitemon.outbox (channel, outbox_id) WHERE delivered_at IS NULL AND given_up_at IS NULL;
-- Query said_ages: what was said of an incident.
CREATE INDEX outbox_by_incident ON sitemon.outbox (incident_id);
-- Query alerts: the newest.
CREATE INDEX outbox_by_time ON sitemon.outbox (created_at);

-- How it goes with a channel: until `leased_until_at` somebody is sending on it; before `due_at` nobody tries again. One that
-- answered 410 is disabled for as long as it leads to the same `target`, a digest of where.
CREATE TABLE sitemon.channel (
    name text PRIMARY KEY,
    leased_until_at timestamptz NOT NULL DEFAULT '-infinity',
    lease uuid,
    due_at timestamptz NOT NULL DEFAULT '-infinity',
    failures integer NOT NULL DEFAULT 0,
    disabled_target text
);

CREATE VIEW sitemon.alerts AS
SELECT
    outbox.outbox_id AS alert_id,
    outbox.event_id,
    outbox.type,
    outbox.event #>> '{data,site}' AS site,
    outbox.incident_id,
    outbox.channel,
    CASE
        WHEN outbox.delivered_at IS NOT NULL THEN 'delivered'
        WHEN outbox.given_up_at IS NOT NULL THEN 'given up'
        ELSE 'waiting'
    END AS state,
    outbox.created_at,
    outbox.delivered_at,
    outbox.tries,
    outbox.problem
FROM sitemon.outbox;

COMMENT ON VIEW sitemon.alerts IS
    'What was to be said, one row a channel: delivered, waiting (problem says why the last try failed), or given up after a '
    'day, or since the channel said that it is gone for good.';
