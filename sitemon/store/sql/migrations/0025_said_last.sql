-- What a channel was told last of an incident is found without reading all that it was told.

SET LOCAL lock_timeout = '4s';
SET LOCAL statement_timeout = '30s';

-- Query said_ages, in place of the index of incidents alone.
CREATE INDEX outbox_of_incident ON sitemon.outbox (incident_id, channel, created_at);
DROP INDEX sitemon.outbox_by_incident;
