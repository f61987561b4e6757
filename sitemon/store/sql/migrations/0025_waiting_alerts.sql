-- What thousands of waiting alerts cost, and reminders by the thousand.

SET LOCAL lock_timeout = '4s';
SET LOCAL statement_timeout = '30s';

-- Query said_ages, without the table, in place of the index of incidents alone.
CREATE INDEX outbox_of_incident ON sitemon.outbox (incident_id, channel, created_at) INCLUDE (type);
DROP INDEX sitemon.outbox_by_incident;
-- Beside the indexes by turn and by site nobody needs it. A planner that knows nothing of the table yet took it to find what
-- waits of a site, and read all that waits.
DROP INDEX sitemon.outbox_to_send;
