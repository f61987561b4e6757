-- Which alerts were overtaken, not by the words of their problem.

SET LOCAL lock_timeout = '4s';
SET LOCAL statement_timeout = '30s';

-- It was given up since what came after it of the same has arrived; stays so when it is tried again.
ALTER TABLE sitemon.outbox ADD COLUMN is_overtaken boolean NOT NULL DEFAULT false;

UPDATE sitemon.outbox SET is_overtaken = true
WHERE given_up_at IS NOT NULL AND starts_with(problem, 'overtaken by what came later');

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
    outbox.message_id,
    outbox.is_overtaken AND outbox.given_up_at IS NOT NULL AS is_overtaken
FROM sitemon.outbox;

COMMENT ON VIEW sitemon.alerts IS
    'What was to be said, one row a channel: delivered, waiting (problem says why the last try failed), or given up: after a '
    'day, since the channel said that it is gone for good, or, where is_overtaken, since what came later of the same has '
    'arrived. Rows with the same message_id went to people as one message.';
