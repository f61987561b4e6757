-- Of a site few alerts are kept, and with which labels it was told that it is degraded.

SET LOCAL lock_timeout = '4s';
SET LOCAL statement_timeout = '5min';

-- Null where an alert is of no site, and in alerts of before: those are kept as long as hourly rollups.
ALTER TABLE sitemon.outbox ADD COLUMN site_name text;

-- Query forget_crowded: the newest of what was dealt with of a site.
CREATE INDEX outbox_by_site ON sitemon.outbox (site_name, outbox_id)
WHERE site_name IS NOT NULL AND (delivered_at IS NOT NULL OR given_up_at IS NOT NULL);

ALTER TABLE sitemon.degradation ADD COLUMN labels jsonb;

-- Of what was told lately: to look through all alerts would take long.
UPDATE sitemon.degradation SET labels = told.labels
FROM (
    SELECT DISTINCT ON (name) event #>> '{data,site}' AS name, event #> '{data,labels}' AS labels
    FROM sitemon.outbox
    WHERE outbox_id > (SELECT max(outbox_id) - 100000 FROM sitemon.outbox) AND type = 'site.degraded'
    ORDER BY name, outbox_id DESC
) AS told
JOIN sitemon.site USING (name)
WHERE site.site_id = degradation.site_id AND channels <> '{}';

COMMENT ON VIEW sitemon.alerts IS
    'What was to be said, one row a channel: delivered, waiting (problem says why the last try failed), or given up: after a '
    'day, since the channel said that it is gone for good, or, where is_overtaken, since what came later of the same has '
    'arrived. Rows with the same message_id went to people as one message. Of a site the newest thousand that were dealt with '
    'are kept, and what was said of what lasts.';
