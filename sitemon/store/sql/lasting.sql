-- name: lasting
-- What was said last on a channel of each thing that lasts: incidents, degraded sites, regions that are offline, silences;
-- also what it did not take for a day. Not of sites that were taken out of the configuration. Each is looked up by itself,
-- from its newest alert on: what was said of others, or before, is not read.
WITH told AS (
    SELECT last.outbox_id
    FROM sitemon.incident
    JOIN sitemon.listed_site AS site USING (site_id)
    CROSS JOIN LATERAL (
        SELECT outbox_id
        FROM sitemon.outbox
        WHERE outbox.incident_id = incident.incident_id
            AND channel = %(channel)s
            AND type IN ('site.down', 'site.reminder')
            AND (delivered_at IS NOT NULL OR given_up_at IS NOT NULL)
        ORDER BY created_at DESC, outbox_id DESC
        LIMIT 1
    ) AS last
    WHERE ended_at IS NULL AND withdrawn_at IS NULL AND NOT site.is_ended
    UNION ALL
    SELECT last.outbox_id
    FROM sitemon.degradation
    JOIN sitemon.listed_site AS site USING (site_id)
    CROSS JOIN LATERAL (
        SELECT outbox_id
        FROM sitemon.outbox
        WHERE site_name = site.name
            AND channel = %(channel)s
            AND type = 'site.degraded'
            AND (delivered_at IS NOT NULL OR given_up_at IS NOT NULL)
        ORDER BY created_at DESC, outbox_id DESC
        LIMIT 1
    ) AS last
    WHERE ended_at IS NULL AND %(channel)s = ANY (channels) AND NOT site.is_ended
    UNION ALL
    SELECT last.outbox_id
    FROM sitemon.region_outage AS outage
    CROSS JOIN LATERAL (
        SELECT outbox_id
        FROM sitemon.outbox
        WHERE channel = %(channel)s
            AND type = 'region.offline'
            AND event #>> '{data,region}' = outage.region
            AND created_at >= from_at
            AND (delivered_at IS NOT NULL OR given_up_at IS NOT NULL)
        ORDER BY created_at DESC, outbox_id DESC
        LIMIT 1
    ) AS last
    WHERE until_at IS NULL
    UNION ALL
    SELECT last.outbox_id
    FROM sitemon.silence
    CROSS JOIN LATERAL (
        SELECT outbox_id
        FROM sitemon.outbox
        WHERE channel = %(channel)s
            AND type = 'monitor.silent'
            AND event #>> '{data,cause}' = silence.cause
            AND coalesce(event #>> '{data,region}', '') = silence.region
            AND event #>> '{data,state}' = 'silent'
            AND created_at >= since_at
            AND (delivered_at IS NOT NULL OR given_up_at IS NOT NULL)
        ORDER BY created_at DESC, outbox_id DESC
        LIMIT 1
    ) AS last
    WHERE ended_at IS NULL
)
SELECT outbox_id, event
FROM sitemon.outbox
WHERE outbox_id = ANY (
    ARRAY(SELECT outbox_id FROM told WHERE outbox_id > %(after)s ORDER BY outbox_id LIMIT %(most)s)
)
ORDER BY outbox_id;
