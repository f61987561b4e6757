-- What is said to people in one message, and of which certificates they know.

SET LOCAL lock_timeout = '4s';
SET LOCAL statement_timeout = '30s';

-- The message in which an alert goes out to people, with others that are due together. Written before it is sent, so that
-- a message that has to be sent again is the same one. Null: not yet, or the channel is told one by one.
ALTER TABLE sitemon.outbox ADD COLUMN message_id uuid;

CREATE OR REPLACE VIEW sitemon.alerts AS
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
    outbox.problem,
    outbox.message_id
FROM sitemon.outbox;

COMMENT ON VIEW sitemon.alerts IS
    'What was to be said, one row a channel: delivered, waiting (problem says why the last try failed), or given up after a '
    'day, or since the channel said that it is gone for good. Rows with the same message_id went to people as one message.';

-- The last threshold, in days before the end of a certificate, of which somebody was warned. Another certificate of the
-- same site has a row of its own.
CREATE TABLE sitemon.certificate_warning (
    site_id integer NOT NULL REFERENCES sitemon.site,
    expires_at timestamptz NOT NULL,
    days smallint NOT NULL,
    PRIMARY KEY (site_id, expires_at)
);
