-- name: silent
-- Why sites have not been looked at for longer than three of their intervals and a minute, how many, and since when. What
-- stops everything is one cause; what concerns workers, or a monitor, is one for each region. A window of maintenance is no
-- reason not to look. Other regions than these are as one: whoever may write results invents any number. Of a cause that was
-- told a while ago, which of them it was told of, and which are further ones: all of one that was not told.
WITH watched AS (
    SELECT
        site,
        region,
        CASE WHEN outcome = 'missed' THEN coalesce(reason, 'lost') ELSE 'not_recorded' END AS cause,
        CASE state WHEN 'unknown' THEN state_since ELSE seen_at END AS since_at,
        CASE state
            WHEN 'unknown' THEN state_since + (3 * interval_s + 60) * '1 second'::interval
            WHEN 'maintenance' THEN seen_at + (4 * interval_s + 60) * '1 second'::interval
        END AS silent_at
    FROM sitemon.site_status
    -- That is said of the region.
    WHERE NOT is_ended AND NOT is_region_offline
), placed AS (
    SELECT
        *,
        CASE
            WHEN cause IN ('not_recorded', 'beat_down') AND EXISTS (
                SELECT
                FROM sitemon.schedule_stretch
                JOIN sitemon.site AS scheduled USING (site_id)
                WHERE scheduled.name = watched.site AND until_ms = 9223372036854775807
            ) THEN ''
            WHEN region = ANY (%(regions)s) THEN region
            ELSE %(elsewhere)s
        END AS place
    FROM watched
    WHERE silent_at < now()
)
SELECT
    placed.cause,
    place,
    count(*),
    min(placed.since_at),
    (array_agg(site ORDER BY site))[:%(named)s],
    coalesce(array_agg(site) FILTER (WHERE is_told_again AND silent_at < told_at), '{}'),
    coalesce(array_agg(site ORDER BY site) FILTER (WHERE told_at IS NULL OR is_told_again AND silent_at >= told_at), '{}')
FROM placed
LEFT JOIN sitemon.silence
    ON silence.cause = placed.cause
    AND silence.region = place
    AND ended_at IS NULL
CROSS JOIN LATERAL (SELECT told_at < now() - %(pause)s AS is_told_again) AS pause
GROUP BY placed.cause, place
ORDER BY placed.cause, place;

-- name: open_silences
SELECT cause, region, since_at FROM sitemon.silence WHERE ended_at IS NULL ORDER BY told_at, cause, region;

-- name: tell_silence
INSERT INTO sitemon.silence (cause, region, since_at) VALUES (%(cause)s, %(region)s, %(since_at)s)
ON CONFLICT (cause, region) WHERE ended_at IS NULL DO UPDATE SET told_at = now() WHERE silence.told_at < now() - %(pause)s
RETURNING cause;

-- name: end_silence
UPDATE sitemon.silence SET ended_at = now()
WHERE (cause, region) = (%(cause)s, %(region)s) AND ended_at IS NULL
RETURNING cause;

-- name: is_recording
-- Whether a result is as new as the site asks for that is looked at most often, of those that were looked at in time when
-- the newest result came: the others say nothing of what is recorded. A result of a slot that lies ahead was made by a
-- clock that was, and says nothing of now.
WITH seen AS (
    SELECT
        abs(extract(epoch FROM seen_slot_at - now())) AS age_s,
        60 + patience_ms / 1000.0 AS longest_s
    FROM sitemon.current_state AS state
    LEFT JOIN sitemon.schedule_stretch AS stretch
        ON stretch.site_id = state.site_id AND stretch.region_id = state.region_id AND until_ms = 9223372036854775807
    WHERE seen_slot_at IS NOT NULL
), newest AS (
    SELECT min(age_s) AS newest_s FROM seen
)
SELECT coalesce(
    newest_s < coalesce((SELECT min(longest_s) FROM seen WHERE age_s < newest_s + longest_s), 132), false
)
FROM newest;
