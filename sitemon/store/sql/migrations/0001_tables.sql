-- The tables. Results are kept row by row, counts by the hour and by the day, each for as long as is configured.

SET LOCAL lock_timeout = '4s';
SET LOCAL statement_timeout = '30s';

-- Words ------------------------------------------------------------------------------------------------------

CREATE TYPE sitemon.outcome AS ENUM ('up', 'degraded', 'down', 'missed');
CREATE TYPE sitemon.kind AS ENUM ('scheduled', 'adhoc', 'monitor', 'confirm');

-- Reasons are data, not a type: a new one is a row.
CREATE TABLE sitemon.reason (
    reason_id smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    outcome sitemon.outcome NOT NULL,
    meaning text NOT NULL
);

INSERT INTO sitemon.reason (name, outcome, meaning) VALUES
    ('timeout', 'down', 'the check did not end within the site''s timeout'),
    ('dns_error', 'down', 'the host name did not resolve'),
    ('connect_error', 'down', 'no connection came to stand'),
    ('tls_error', 'down', 'the TLS handshake failed or the certificate is not valid'),
    ('http_status', 'down', 'the response''s status is not an expected one'),
    ('no_match', 'down', 'something that was expected was not found in the response'),
    ('forbidden_match', 'down', 'something forbidden was found in the response'),
    ('too_slow', 'degraded', 'the check took longer than the expected latency'),
    ('cert_expiring', 'degraded', 'a certificate that the server sent expires soon'),
    ('redirect_error', 'down', 'too many redirects, a loop, or one without a usable Location'),
    ('too_large', 'down', 'the body is longer than the expected size'),
    ('blocked_address', 'down', 'the address may not be visited'),
    ('protocol_error', 'down', 'the connection stood, then failed as HTTP'),
    ('late', 'missed', 'no worker took the slot up in time'),
    ('shed', 'missed', 'the workers had more to do than they could'),
    ('beat_down', 'missed', 'no beat was there to send the slot'),
    ('worker_lost', 'missed', 'the worker that had taken the slot died'),
    ('unknown_site', 'missed', 'the worker''s sites do not hold this site');

-- Names, so that a result's row holds numbers -------------------------------------------------------------------

CREATE TABLE sitemon.site (
    site_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE
);

CREATE TABLE sitemon.region (
    region_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE
);

-- What was looked at: a site's URL and regex as they were at the time of a check.
CREATE TABLE sitemon.target (
    target_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id integer NOT NULL REFERENCES sitemon.site,
    url text NOT NULL,
    match text
);

-- Query add_targets: one row for a URL and regex, however long they are.
CREATE UNIQUE INDEX target_once ON sitemon.target (site_id, md5(url), md5(match)) NULLS NOT DISTINCT;

-- Results ------------------------------------------------------------------------------------------------------

-- No foreign keys: they would cost a look-up a row, and the recorder makes the names in the same transaction.
-- `revision` is 1 when a real result replaced a missed one: RETURNING then tells inserted from replaced rows.
CREATE TABLE sitemon.result (
    slot_at timestamptz NOT NULL,
    checked_at timestamptz NOT NULL,
    cert_expires_at timestamptz,
    site_id integer NOT NULL,
    region_id integer NOT NULL,
    target_id integer NOT NULL,
    kind sitemon.kind NOT NULL,
    outcome sitemon.outcome NOT NULL,
    body_bytes integer NOT NULL,
    latency_s real,
    dns_s real,
    connect_s real,
    tls_s real,
    first_byte_s real,
    download_s real,
    reason_id smallint,
    http_code smallint,
    redirects smallint NOT NULL,
    revision smallint NOT NULL DEFAULT 0,
    is_match_found boolean,
    ip inet,
    http_version text,
    error text,
    -- Queries merge_results (a result is there once) and settle_states (one site's rows in order).
    PRIMARY KEY (site_id, region_id, slot_at, kind)
) PARTITION BY RANGE (slot_at);

-- Queries roll_up_counts, roll_up_latencies and the ledger: a stretch of time of all sites. Rows arrive nearly
-- in the order of their slots, so that a block range index does it at hardly any cost a row.
CREATE INDEX result_by_time ON sitemon.result USING brin (slot_at) WITH (pages_per_range = 32, autosummarize = on);

-- The newest result of a site in a region, and since when it is so. Updated in place, hence the free space.
CREATE TABLE sitemon.current_state (
    slot_at timestamptz NOT NULL,
    since_at timestamptz NOT NULL,
    checked_at timestamptz NOT NULL,
    site_id integer NOT NULL,
    region_id integer NOT NULL,
    target_id integer NOT NULL,
    kind sitemon.kind NOT NULL,
    outcome sitemon.outcome NOT NULL,
    latency_s real,
    reason_id smallint,
    http_code smallint,
    PRIMARY KEY (site_id, region_id)
) WITH (fillfactor = 50);

-- Rollups ------------------------------------------------------------------------------------------------------

-- Hours before `hours_until_at` are in count_hour and latency_hour, later ones are read from sitemon.result; days
-- before `days_until` are in count_day and latency_day, later ones are read from the hours. So a result moves one
-- row when it arrives; one that comes late moves its hour and day by the difference. `raw_from_at` is the first
-- moment that sitemon.result has partitions for.
CREATE TABLE sitemon.watermark (
    is_only_row boolean PRIMARY KEY DEFAULT true CHECK (is_only_row),
    hours_until_at timestamptz NOT NULL,
    days_until date NOT NULL,
    raw_from_at timestamptz NOT NULL
);

INSERT INTO sitemon.watermark (hours_until_at, days_until, raw_from_at) VALUES (
    date_bin('15 minutes', now(), '1970-01-01Z'),
    (now() AT TIME ZONE 'UTC')::date,
    date_bin('1 day', now(), '1970-01-01Z')
);

CREATE TABLE sitemon.count_hour (
    hour_at timestamptz NOT NULL,
    site_id integer NOT NULL,
    region_id integer NOT NULL,
    up integer NOT NULL,
    degraded integer NOT NULL,
    down integer NOT NULL,
    missed integer NOT NULL,
    -- Queries roll_up_counts, move_hours: the row of a site's hour.
    PRIMARY KEY (site_id, region_id, hour_at)
) PARTITION BY RANGE (hour_at);

-- View uptime_hourly: the last hours of all sites, as `sitemon status` asks for them.
CREATE INDEX count_hour_by_time ON sitemon.count_hour USING brin (hour_at) WITH (pages_per_range = 32, autosummarize = on);

-- How many checks of an hour took how long: `bucket` is that of sitemon.latency_bucket(latency_s).
CREATE TABLE sitemon.latency_hour (
    hour_at timestamptz NOT NULL,
    site_id integer NOT NULL,
    region_id integer NOT NULL,
    checks integer NOT NULL,
    bucket smallint NOT NULL,
    -- Queries roll_up_latencies, move_latencies, and the percentiles of one site.
    PRIMARY KEY (site_id, region_id, hour_at, bucket)
) PARTITION BY RANGE (hour_at);

-- Queries sum_latency_days, forget_hours: one hour or day of all sites.
CREATE INDEX latency_hour_by_time ON sitemon.latency_hour USING brin (hour_at)
WITH (pages_per_range = 32, autosummarize = on);

CREATE TABLE sitemon.count_day (
    day date NOT NULL,
    site_id integer NOT NULL,
    region_id integer NOT NULL,
    up integer NOT NULL,
    degraded integer NOT NULL,
    down integer NOT NULL,
    missed integer NOT NULL,
    -- Queries sum_days, move_days: the row of a site's day.
    PRIMARY KEY (site_id, region_id, day)
);

-- Queries delete_days, forget_days: some days of all sites.
CREATE INDEX count_day_by_time ON sitemon.count_day USING brin (day) WITH (pages_per_range = 32, autosummarize = on);

CREATE TABLE sitemon.latency_day (
    day date NOT NULL,
    site_id integer NOT NULL,
    region_id integer NOT NULL,
    checks integer NOT NULL,
    bucket smallint NOT NULL,
    -- Queries sum_latency_days, move_latency_days, and the percentiles of one site.
    PRIMARY KEY (site_id, region_id, day, bucket)
);

-- Queries delete_latency_days, forget_days: some days of all sites.
CREATE INDEX latency_day_by_time ON sitemon.latency_day USING brin (day) WITH (pages_per_range = 32, autosummarize = on);

-- The schedule's history ---------------------------------------------------------------------------------------

-- Every event of topic sitemon.schedule: at `at_ms` the site took this interval, with `from_ms` as its next slot;
-- both are null when it ended. What holds when is the view schedule_stretch, so that neither the order in which
-- events arrive nor their repetition matters.
CREATE TABLE sitemon.schedule_event (
    at_ms bigint NOT NULL,
    from_ms bigint,
    interval_ms bigint CHECK (interval_ms > 0),
    site_id integer NOT NULL REFERENCES sitemon.site,
    region_id integer NOT NULL REFERENCES sitemon.region,
    -- Query add_schedule_events, and view schedule_stretch in this order.
    PRIMARY KEY (site_id, region_id, at_ms)
);

-- Stretches in which no beat sent the region's slots: those with from_ms < slot <= until_ms.
CREATE TABLE sitemon.away (
    from_ms bigint NOT NULL,
    until_ms bigint NOT NULL,
    region_id integer NOT NULL REFERENCES sitemon.region,
    PRIMARY KEY (region_id, from_ms)
);

-- The slots of a site's hour that were missed without a row, for they lay in an away stretch. Kept, because the rows
-- that it is counted from are dropped.
CREATE TABLE sitemon.away_hour (
    hour_at timestamptz NOT NULL,
    site_id integer NOT NULL,
    region_id integer NOT NULL,
    missed integer NOT NULL,
    PRIMARY KEY (site_id, region_id, hour_at)
);
