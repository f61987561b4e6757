-- name: lasting
-- What was said last on a channel of each thing that lasts: incidents, degraded sites, regions that are offline, silences;
-- also what it did not take for a day. Not of sites that were taken out of the configuration.
WITH told AS (
    SELECT max(outbox_id) AS outbox_id
    FROM sitemon.incident
    JOIN sitemon.outbox USING (incident_id)
    WHERE ended_at IS NULL
        AND withdrawn_at IS NULL
        AND channel = %(channel)s
        AND type IN ('site.down', 'site.reminder')
        AND (delivered_at IS NOT NULL OR given_up_at IS NOT NULL)
    GROUP BY incident_id
    UNION ALL
    SELECT max(outbox_id)
    FROM sitemon.outbox
    WHERE channel = %(channel)s
        AND type IN ('site.degraded', 'region.offline', 'monitor.silent')
        AND (delivered_at IS NOT NULL OR given_up_at IS NOT NULL)
        AND created_at >= (
            SELECT min(began_at)
            FROM (
                SELECT since_at FROM sitemon.degradation WHERE ended_at IS NULL
                UNION ALL
                SELECT from_at FROM sitemon.region_outage WHERE until_at IS NULL
                UNION ALL
                SELECT since_at FROM sitemon.silence WHERE ended_at IS NULL
            ) AS lasting (began_at)
        )
        AND CASE type
            WHEN 'site.degraded' THEN EXISTS (
                SELECT
                FROM sitemon.degradation
                JOIN sitemon.site USING (site_id)
                WHERE site.name = event #>> '{data,site}' AND ended_at IS NULL AND %(channel)s = ANY (channels)
            )
            WHEN 'region.offline' THEN EXISTS (
                SELECT FROM sitemon.region_outage WHERE region = event #>> '{data,region}' AND until_at IS NULL
            )
            ELSE EXISTS (
                SELECT
                FROM sitemon.silence
                WHERE cause = event #>> '{data,cause}'
                    AND region = coalesce(event #>> '{data,region}', '')
                    AND ended_at IS NULL
                    AND event #>> '{data,state}' = 'silent'
            )
        END
    GROUP BY type, event #>> '{data,site}', event #>> '{data,region}', event #>> '{data,cause}'
)
SELECT outbox_id, event
FROM told
JOIN sitemon.outbox USING (outbox_id)
LEFT JOIN sitemon.listed_site AS site ON site.name = event #>> '{data,site}'
WHERE outbox_id > %(after)s AND site.is_ended IS NOT TRUE
ORDER BY outbox_id
LIMIT %(most)s;
