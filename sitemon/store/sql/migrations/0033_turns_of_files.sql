-- Files of sites take turns on a channel, and what lasts is found among few alerts.

SET LOCAL lock_timeout = '4s';
SET LOCAL statement_timeout = '5min';

-- A digest of the name of the file in which the site stood when it was decided; empty in alerts of before.
ALTER TABLE sitemon.outbox ADD COLUMN file text NOT NULL DEFAULT '';

-- Of what lasts, for query lasting, which finds it by its site.
UPDATE sitemon.outbox SET site_name = event #>> '{data,site}'
WHERE type = 'site.degraded'
    AND site_name IS NULL
    AND created_at >= (SELECT min(since_at) FROM sitemon.degradation WHERE ended_at IS NULL);

-- Query due_sites: the first of each file.
CREATE INDEX outbox_by_file ON sitemon.outbox (channel, file, turn, outbox_id)
WHERE delivered_at IS NULL AND given_up_at IS NULL;
-- Query lasting: what was said last of each thing that lasts.
CREATE INDEX outbox_of_degraded ON sitemon.outbox (site_name, channel, created_at, outbox_id)
WHERE type = 'site.degraded';
CREATE INDEX outbox_of_region ON sitemon.outbox (channel, (event #>> '{data,region}'), created_at, outbox_id)
WHERE type = 'region.offline';
CREATE INDEX outbox_of_silence ON sitemon.outbox
(channel, (event #>> '{data,cause}'), (coalesce(event #>> '{data,region}', '')), created_at, outbox_id)
WHERE type = 'monitor.silent';
