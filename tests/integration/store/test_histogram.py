"""The histogram of the database is what `tests.histogram` says it is."""

import random

import pytest

from sitemon.store.connect import Connection
from tests.databases import rows
from tests.histogram import BOUNDS_S, BUCKETS, bucket_of, percentile_s


def test_the_bounds_are_equal(conn: Connection) -> None:
    assert tuple(rows(conn, "SELECT sitemon.latency_bounds_s()")[0][0]) == BOUNDS_S


@pytest.mark.parametrize("latency_s", [0.0, 0.0005, 0.001, 0.25, 0.3044, 1.024, 46.35, 1000.0])
def test_a_latency_is_in_the_same_bucket(conn: Connection, latency_s: float) -> None:
    # As the column holds it: a real.
    (stored, bucket) = rows(conn, "SELECT %(l)s::real::float8, sitemon.latency_bucket(%(l)s::real)", {"l": latency_s})[
        0
    ]
    assert bucket == bucket_of(stored)


def test_percentiles_are_equal(conn: Connection) -> None:
    rnd = random.Random(1)
    for _ in range(100):
        checks = {rnd.randrange(BUCKETS): rnd.randrange(1, 50) for _ in range(rnd.randrange(1, 20))}
        fraction = rnd.choice([0.0, 0.5, 0.95, 0.99, 1.0])
        query = "SELECT sitemon.percentile_s(%s::smallint[], %s::bigint[], %s)"
        found = rows(conn, query, (list(checks), list(checks.values()), fraction))[0][0]
        assert found == pytest.approx(percentile_s(checks, fraction), rel=1e-12)


def test_no_checks_have_no_percentile(conn: Connection) -> None:
    assert rows(conn, "SELECT sitemon.percentile_s('{}', '{}', 0.5)") == [(None,)]


def test_repeated_buckets_merge(conn: Connection) -> None:
    query = "SELECT sitemon.percentile_s('{3,5,3}', '{1,4,1}', 0.9), sitemon.percentile_s('{5,3}', '{4,2}', 0.9)"
    (repeated, merged) = rows(conn, query)[0]
    assert repeated == merged
