-- Arithmetic that views and queries share. A test holds it against the same in Python.

SET LOCAL lock_timeout = '4s';
SET LOCAL statement_timeout = '30s';

-- The lower bounds of buckets 1 to 63 in seconds: from 1 ms on, four to an octave. Bucket 0 lies below 1 ms.
CREATE FUNCTION sitemon.latency_bounds_s() RETURNS double precision[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY[
        0.001, 0.001189207115002721, 0.0014142135623730952, 0.001681792830507429, 0.002,
        0.002378414230005442, 0.0028284271247461905, 0.003363585661014858, 0.004, 0.004756828460010884,
        0.005656854249492381, 0.006727171322029716, 0.008, 0.009513656920021768, 0.011313708498984762,
        0.013454342644059432, 0.016, 0.019027313840043535, 0.022627416997969524, 0.026908685288118864,
        0.032, 0.03805462768008707, 0.04525483399593905, 0.05381737057623773, 0.064,
        0.07610925536017414, 0.0905096679918781, 0.10763474115247545, 0.128, 0.15221851072034828,
        0.1810193359837562, 0.2152694823049509, 0.256, 0.30443702144069656, 0.3620386719675124,
        0.4305389646099018, 0.512, 0.6088740428813931, 0.7240773439350248, 0.8610779292198036,
        1.024, 1.2177480857627863, 1.4481546878700495, 1.7221558584396073, 2.048,
        2.4354961715255725, 2.896309375740099, 3.4443117168792146, 4.096, 4.870992343051145,
        5.792618751480198, 6.888623433758429, 8.192, 9.74198468610229, 11.585237502960396,
        13.777246867516858, 16.384, 19.48396937220458, 23.170475005920792, 27.554493735033716,
        32.768, 38.96793874440916, 46.340950011841585
]::double precision[];

CREATE FUNCTION sitemon.latency_bucket(latency_s real) RETURNS smallint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN width_bucket(latency_s::double precision, sitemon.latency_bounds_s())::smallint;

-- The latency below which a fraction of the checks lies, or null without checks. `buckets` may repeat: arrays of
-- any range of hours, joined, give the percentile of that range. Linear within a bucket; the last has no upper
-- bound and gives its lower one.
CREATE FUNCTION sitemon.percentile_s(buckets smallint[], checks bigint[], fraction double precision)
RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH merged AS (
        SELECT pair.bucket, sum(pair.n) AS n
        FROM unnest(buckets, checks) AS pair (bucket, n)
        GROUP BY pair.bucket
    ), ranked AS (
        SELECT bucket, n, sum(n) OVER (ORDER BY bucket) AS up_to, fraction * sum(n) OVER () AS rank
        FROM merged
        WHERE n > 0
    ), found AS (
        SELECT
            bucket,
            ((rank - (up_to - n)::double precision) / n::double precision) AS share,
            CASE WHEN bucket = 0 THEN 0 ELSE (sitemon.latency_bounds_s())[bucket] END AS lower_s,
            (sitemon.latency_bounds_s())[bucket + 1] AS upper_s
        FROM ranked
        WHERE up_to::double precision >= rank
        ORDER BY bucket
        LIMIT 1
    )
    SELECT lower_s + coalesce(upper_s - lower_s, 0) * share FROM found;
END;

CREATE FUNCTION sitemon.percentiles_s(buckets smallint[], checks bigint[])
RETURNS TABLE (p50_s double precision, p95_s double precision, p99_s double precision)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT
        sitemon.percentile_s(buckets, checks, 0.5),
        sitemon.percentile_s(buckets, checks, 0.95),
        sitemon.percentile_s(buckets, checks, 0.99);
END;

-- What counts of outcomes mean. What was missed counts as down in uptime_low and as up in uptime_high.
CREATE FUNCTION sitemon.uptime_of(up bigint, degraded bigint, down bigint, missed bigint)
RETURNS TABLE (uptime_low numeric, uptime_high numeric, coverage numeric)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT
        round((up + degraded)::numeric / (up + degraded + down + missed), 6),
        round((up + degraded + missed)::numeric / (up + degraded + down + missed), 6),
        round((up + degraded + down)::numeric / (up + degraded + down + missed), 6);
END;

-- Whole milliseconds from the Unix epoch, as the schedule counts.
CREATE FUNCTION sitemon.to_ms(moment timestamptz) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN floor(extract(epoch FROM moment AT TIME ZONE 'UTC') * 1000)::bigint;

CREATE FUNCTION sitemon.from_ms(milliseconds bigint) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ('1970-01-01'::timestamp + milliseconds * '1 millisecond'::interval) AT TIME ZONE 'UTC';

CREATE FUNCTION sitemon.hour_of(moment timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN date_bin('1 hour', moment, '1970-01-01Z');

CREATE FUNCTION sitemon.day_of(moment timestamptz) RETURNS date
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (moment AT TIME ZONE 'UTC')::date;

-- How many of the slots first_ms + k * interval_ms (k >= 0) lie in start_ms <= slot < end_ms.
CREATE FUNCTION sitemon.slots_between(first_ms bigint, interval_ms bigint, start_ms bigint, end_ms bigint)
RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN greatest(
    0,
    (greatest(end_ms - first_ms, 0) + interval_ms - 1) / interval_ms
    - (greatest(start_ms - first_ms, 0) + interval_ms - 1) / interval_ms
);
