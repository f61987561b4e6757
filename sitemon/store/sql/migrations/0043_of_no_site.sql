-- What is of no site is as of one of each file: nobody's waits, or is refused, with that of another.

SET LOCAL lock_timeout = '4s';
SET LOCAL statement_timeout = '30s';

DROP INDEX sitemon.outbox_of_site;

-- Queries add_alerts and give_up_overtaken: what waits of a site.
CREATE INDEX outbox_of_site ON sitemon.outbox (channel, (coalesce(event #>> '{data,site}', '/' || file)), outbox_id)
WHERE delivered_at IS NULL AND given_up_at IS NULL;
