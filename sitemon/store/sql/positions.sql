-- name: positions
SELECT topic, partition, next_offset FROM sitemon.stream_position WHERE topic = ANY (%(topics)s);

-- name: move_positions
-- Never back. Returns the partitions of which what lies before this batch was not read; null: no place is known.
WITH given AS (
    SELECT *
    FROM unnest(%(topics)s::text[], %(partitions)s::integer[], %(firsts)s::bigint[], %(followings)s::bigint[]) AS given (
        topic, partition, first, following
    )
), moved AS (
    INSERT INTO sitemon.stream_position AS position (topic, partition, next_offset)
    SELECT topic, partition, following FROM given
    ORDER BY 1, 2
    ON CONFLICT (topic, partition) DO UPDATE SET next_offset = excluded.next_offset
    WHERE position.next_offset < excluded.next_offset
)
SELECT topic, partition, position.next_offset
FROM given
LEFT JOIN sitemon.stream_position AS position USING (topic, partition)
WHERE coalesce(position.next_offset, 0) < given.first;

-- name: begin_positions
-- Of topics of which nothing is known, up to where the group has read; else nothing of a partition that is not known was read:
-- it was added after the backup from which this database is.
INSERT INTO sitemon.stream_position (topic, partition, next_offset)
SELECT
    topic,
    partition,
    CASE
        WHEN EXISTS (SELECT FROM sitemon.stream_position AS known WHERE known.topic = given.topic) THEN 0
        ELSE committed
    END
FROM unnest(%(topics)s::text[], %(partitions)s::integer[], %(offsets)s::bigint[]) AS given (topic, partition, committed)
ORDER BY 1, 2
ON CONFLICT (topic, partition) DO NOTHING;

-- name: set_positions
INSERT INTO sitemon.stream_position (topic, partition, next_offset)
SELECT * FROM unnest(%(topics)s::text[], %(partitions)s::integer[], %(offsets)s::bigint[])
ORDER BY 1, 2
ON CONFLICT (topic, partition) DO UPDATE SET next_offset = excluded.next_offset;
