"""What a status page and a report ask for: sums of the last days, percentiles of a stretch, one site among many."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pytest

from sitemon import clock
from sitemon.model.errors import UnreachableError
from sitemon.model.moment import to_ms
from sitemon.model.outcome import Outcome, Reason
from sitemon.store.account import close
from sitemon.store.connect import Connection
from sitemon.store.maintain import maintain
from sitemon.store.names import Names
from sitemon.store.partitions import DEFAULT_RETENTION
from sitemon.store.write import write_batch
from tests.databases import execute, rows
from tests.histogram import bucket_of, percentile_s
from tests.results import a_result

DAY = timedelta(days=1)
QUARTER = timedelta(minutes=15)
EXPLAIN = "EXPLAIN SELECT * FROM sitemon.{view} WHERE site = 'shop'"
PERCENTILE = "SELECT sitemon.percentile_s(array_agg(bucket), array_agg(checks), 0.9) FROM sitemon.{view}"
RECENT = "SELECT site, days, up, down, uptime_low FROM sitemon.uptime_recent ORDER BY site, days"


def test_recent_uptime_sums_the_last_days_once_they_are_rolled_up(conn: Connection, names: Names) -> None:
    midnight = clock.utc_now().replace(hour=0, minute=0, second=0, microsecond=0)
    slots = [midnight - days * DAY for days in (0, 6, 7, 29)]
    down = a_result(slot_at=midnight - 6 * DAY, kind="monitor", outcome=Outcome.DOWN, reason=Reason.TIMEOUT)
    write_batch(conn, names, [*(a_result(slot_at=slot_at) for slot_at in slots), down])
    later = clock.utc_now() + 2 * QUARTER
    close(conn, to_ms(later))
    maintain(conn, DEFAULT_RETENTION, later)
    assert rows(conn, RECENT) == [
        ("shop", 1, 1, 0, 1),
        ("shop", 7, 2, 1, Decimal("0.666667")),
        ("shop", 30, 4, 1, Decimal("0.8")),
        ("shop", 90, 4, 1, Decimal("0.8")),
    ]


def test_recent_uptime_says_of_when_it_is(conn: Connection, names: Names) -> None:
    now = clock.utc_now()
    write_batch(conn, names, [a_result(slot_at=now)])
    close(conn, to_ms(now + 2 * QUARTER))
    maintain(conn, DEFAULT_RETENTION, now + 2 * QUARTER)
    ((as_of,),) = rows(conn, "SELECT DISTINCT as_of FROM sitemon.uptime_recent")
    assert timedelta() <= now + 2 * QUARTER - as_of <= 2 * QUARTER
    assert rows(conn, "SELECT hours_until_at FROM sitemon.watermark") == [(as_of,)]
    execute(conn, "UPDATE sitemon.watermark SET recent_until_at = '-infinity'")
    assert rows(conn, "SELECT DISTINCT as_of FROM sitemon.uptime_recent") == [(None,)]


def test_recent_uptime_that_could_not_be_summed_is_made_good_by_the_next_maintenance_whoever_does_it(
    conn: Connection, names: Names, another: Connection
) -> None:
    later = clock.utc_now() + 2 * QUARTER
    write_batch(conn, names, [a_result(slot_at=clock.utc_now())])
    close(conn, to_ms(later))
    execute(another, "SET lock_timeout = '100ms'")
    with conn.cursor() as cursor:
        cursor.execute("LOCK TABLE sitemon.kept_recent")
        with pytest.raises(UnreachableError):
            maintain(another, DEFAULT_RETENTION, later)
        conn.rollback()
    assert rows(conn, RECENT) == []
    maintain(conn, DEFAULT_RETENTION, later)
    assert [row[:3] for row in rows(conn, RECENT)] == [("shop", days, 1) for days in (1, 7, 30, 90)]


def test_who_finds_recent_uptime_being_summed_does_not_wait(
    conn: Connection, names: Names, another: Connection
) -> None:
    later = clock.utc_now() + 2 * QUARTER
    write_batch(conn, names, [a_result(slot_at=clock.utc_now())])
    close(conn, to_ms(later))
    with conn, conn.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('sitemon.uptime_recent', 0))")
        maintain(another, DEFAULT_RETENTION, later)
    assert rows(conn, RECENT) == []
    maintain(another, DEFAULT_RETENTION, later)
    assert len(rows(conn, RECENT)) == 4


def test_the_histogram_gives_the_percentile_of_any_stretch(conn: Connection, names: Names) -> None:
    now = clock.utc_now()
    latencies_s = [0.001 * 1.3**n for n in range(24)]
    batch = [
        a_result(slot_at=now - n % 3 * DAY - n * QUARTER, latency_s=latency_s)
        for n, latency_s in enumerate(latencies_s)
    ]
    write_batch(conn, names, batch)
    maintain(conn, DEFAULT_RETENTION, now - 5 * QUARTER)
    expected = percentile_s(Counter(map(bucket_of, latencies_s)), 0.9)
    for view in ("latency_hourly", "latency_daily"):
        assert rows(conn, PERCENTILE.format(view=view)) == [(pytest.approx(expected),)]


@pytest.mark.parametrize(
    ("view", "index"),
    [
        ("uptime_hourly", "count_hour"),
        ("uptime_daily", "count_day_pkey"),
        ("latency_hourly", "latency_hour"),
        ("latency_daily", "latency_day_pkey"),
    ],
)
def test_asking_for_one_site_reads_that_site_alone(conn: Connection, view: str, index: str) -> None:
    execute(conn, "SET enable_seqscan = off")
    plan = [line for (line,) in rows(conn, EXPLAIN.format(view=view))]
    scans = [number for number, line in enumerate(plan) if " Scan " in line and f" {index}" in line]
    assert scans
    for number in scans:
        assert any("(site_id = site" in line for line in plan[number + 1 : number + 3]), plan[number]
