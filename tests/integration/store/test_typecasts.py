"""What rows can hold and neither Python nor a chart has: a latency that is no number, a moment beyond the calendar."""

import math
from datetime import UTC, datetime

import pytest

from sitemon import clock
from sitemon.report.status import sparkline
from sitemon.store.connect import Connection
from sitemon.store.names import Names
from sitemon.store.read import read_status
from sitemon.store.write import write_batch
from tests.databases import execute, rows
from tests.results import a_result

FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@pytest.mark.parametrize("kind", ["real", "double precision"])
def test_a_number_that_is_none_or_has_no_end_is_read_as_null(conn: Connection, kind: str) -> None:
    numbers = f"ARRAY['NaN', 'Infinity', '-Infinity', '-0.5', NULL]::{kind}[]"
    read = [None, None, None, -0.5, None]
    assert [value for (value,) in rows(conn, f"SELECT unnest({numbers})")] == read
    assert rows(conn, f"SELECT {numbers}") == [(read,)]


def test_a_moment_beyond_the_calendar_is_read_as_its_end(conn: Connection) -> None:
    moments = "ARRAY['infinity', '-infinity', '200000-01-01', '0044-03-15 BC']::timestamptz[]"
    ends = [LAST, FIRST, LAST, FIRST]
    assert [value for (value,) in rows(conn, f"SELECT unnest({moments})")] == ends
    assert rows(conn, f"SELECT {moments}") == [(ends,)]


@pytest.mark.parametrize("forged_s", [math.nan, math.inf, -math.inf])
def test_a_forged_latency_is_a_gap_in_the_trend_of_its_site(conn: Connection, names: Names, forged_s: float) -> None:
    write_batch(conn, names, [a_result(latency_s=0.8)])
    execute(conn, "UPDATE sitemon.result SET latency_s = %s", (forged_s,))
    execute(conn, "UPDATE sitemon.current_state SET latency_s = %s", (forged_s,))
    (site,) = read_status(conn, clock.utc_now())
    assert site.latency_s is None
    assert sparkline(site.latencies_s) == "·"
