-- name: silent
-- Why sites have not been looked at for longer than three of their intervals and a minute, how many, and since when. What
-- stops everything is one cause; what concerns workers is one for each region.
SELECT cause, region, count(*), min(state_since), (array_agg(site ORDER BY site))[:%(named)s]
FROM (
    SELECT
        site,
        state_since,
        cause,
        CASE WHEN cause IN ('not_recorded', 'beat_down') THEN '' ELSE region END AS region
    FROM sitemon.site_status
    CROSS JOIN LATERAL (
        SELECT CASE WHEN outcome = 'missed' THEN coalesce(reason, 'lost') ELSE 'not_recorded' END AS cause
    ) AS why
    WHERE state = 'unknown'
        AND NOT is_ended
        AND state_since + (3 * interval_s + 60) * '1 second'::interval < now()
) AS unseen
GROUP BY cause, region
ORDER BY cause, region;

-- name: open_silences
SELECT cause, region, since_at FROM sitemon.silence WHERE ended_at IS NULL;

-- name: begin_silence
INSERT INTO sitemon.silence (cause, region, since_at) VALUES (%(cause)s, %(region)s, %(since_at)s)
ON CONFLICT DO NOTHING
RETURNING cause;

-- name: end_silence
UPDATE sitemon.silence SET ended_at = now()
WHERE (cause, region) = (%(cause)s, %(region)s) AND ended_at IS NULL
RETURNING cause;

-- name: is_recording
-- Whether the newest result of a site that was looked at is as new as the site asks for that is looked at most often.
SELECT coalesce(
    max(seen_slot_at) > now() - '1 minute'::interval - '1 millisecond'::interval * (
        SELECT coalesce(min(patience_ms), 72000)
        FROM sitemon.schedule_stretch
        WHERE until_ms = 9223372036854775807
    ),
    false
)
FROM sitemon.current_state;
