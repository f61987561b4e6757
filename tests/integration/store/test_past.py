"""A past that is made up stands beside what is real, is marked, and disturbs neither account nor alerters."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from sitemon import clock
from sitemon.config.servers import Credentials, PostgresServer
from sitemon.local.past import DAYS, believable_past
from sitemon.local.sample import SAMPLES
from sitemon.model.moment import to_ms
from sitemon.model.schedule import Started
from sitemon.model.site import Site
from sitemon.store.connect import Connection
from sitemon.store.maintain import maintain
from sitemon.store.names import Names
from sitemon.store.partitions import DEFAULT_RETENTION
from sitemon.store.past import write_past
from sitemon.store.read import count_results, read_ledger
from sitemon.store.schedule import write_notices
from sitemon.store.write import write_batch
from tests.databases import close_account, execute, filled, rows
from tests.results import a_result

SITES = [Site(name=one.name, url=f"https://{one.name}.example/", interval_ms=2_000) for one in SAMPLES]
HOURS = "SELECT site, hour_at, up, degraded, down, missed, maintenance FROM sitemon.uptime_hourly ORDER BY 1, 2"

SUMS = """
SELECT site.name, hour_at, sum(up), sum(degraded), sum(down), sum(missed), sum(maintenance)
FROM sitemon.counted_result
JOIN sitemon.site USING (site_id)
GROUP BY 1, 2
ORDER BY 1, 2
"""


@pytest.fixture(scope="module")
def until() -> datetime:
    """Up to when all is made up."""
    return clock.utc_now().replace(second=0, microsecond=0)


@pytest.fixture(scope="module")
def template(
    until: datetime, postgres_server: PostgresServer, admin: Credentials, template: Credentials
) -> Iterator[Credentials]:
    with filled(postgres_server, admin, template, lambda conn: write_past(conn, believable_past(SITES, until))) as full:
        yield full


def test_each_site_has_ninety_days_and_each_of_them_is_whole(conn: Connection, until: datetime) -> None:
    today = until.date()
    found = rows(
        conn,
        "SELECT day, count(*), min(checks), max(checks) FROM ("
        " SELECT day, up + degraded + down + missed + maintenance AS checks FROM sitemon.uptime_daily"
        ") AS daily GROUP BY day ORDER BY day",
    )
    passed = [(today - timedelta(days=ago), len(SITES), 1_440, 1_440) for ago in range(DAYS - 1, 0, -1)]
    minutes = (until - until.replace(hour=0, minute=0)) // timedelta(minutes=1)
    assert found == passed + ([(today, len(SITES), minutes, minutes)] if minutes else [])


def test_hours_are_the_sums_of_their_results(conn: Connection, until: datetime) -> None:
    first_at = (until - timedelta(days=1)).replace(minute=0)
    told = [row for row in rows(conn, HOURS) if row[1] >= first_at]
    assert told == rows(conn, SUMS)
    latencies = "SELECT sum(checks) FROM sitemon.latency_hourly WHERE hour_at >= %s"
    seen = "SELECT count(*) FROM sitemon.results WHERE counts_as NOT IN ('missed', 'maintenance')"
    assert rows(conn, latencies, (first_at,)) == rows(conn, seen)


def test_a_window_of_maintenance_counts_in_no_other_column(conn: Connection, until: datetime) -> None:
    assert rows(
        conn, "SELECT site, sum(maintenance) FROM sitemon.uptime_hourly WHERE maintenance > 0 GROUP BY site"
    ) == [("moved", 90)]


def test_it_is_marked_and_does_not_count_as_recorded(conn: Connection, names: Names, until: datetime) -> None:
    assert rows(conn, "SELECT made_up_until_at FROM sitemon.freshness") == [(until,)]
    assert count_results(conn) == 0
    write_batch(conn, names, [a_result("good", slot_at=until)])
    assert count_results(conn) == 1


def test_the_account_of_what_is_real_is_even(conn: Connection, names: Names, until: datetime) -> None:
    started_ms = to_ms(until) + 60_000
    execute(conn, "UPDATE sitemon.account SET from_ms = %s, closed_ms = %s, away_ms = %s", (started_ms,) * 3)
    patience_ms = 15_500
    started = Started(
        site="good",
        region="default",
        token=1,
        sequence=1,
        at_ms=started_ms - 1,
        interval_ms=2_000,
        from_slot_ms=started_ms,
        patience_ms=patience_ms,
    )
    write_notices(conn, names, [started])
    write_batch(
        conn,
        names,
        [a_result("good", slot_at=until + timedelta(seconds=60 + 2 * n)) for n in range(30) if n != 7],
    )
    close_account(conn, until + timedelta(minutes=3))
    hours = read_ledger(conn, until - timedelta(days=100), until + timedelta(hours=1))
    assert sum(one.expected for one in hours) >= 30
    assert {(one.site, one.unaccounted, one.unexpected) for one in hours} == {("good", 0, 0)}


def test_nothing_is_to_decide_and_nobody_is_told(conn: Connection, until: datetime) -> None:
    assert until
    assert rows(conn, "SELECT count(*) FROM sitemon.undecided") == [(0,)]
    assert rows(conn, "SELECT sum(recorded + repeated) FROM sitemon.tally") == [(0,)]
    assert rows(conn, "SELECT count(*) FROM sitemon.alerts") == [(0,)]
    assert rows(conn, "SELECT count(*) FROM sitemon.incidents WHERE ended_at IS NULL OR withdrawn_at IS NOT NULL") == [
        (0,)
    ]


def test_maintenance_goes_on_from_it(conn: Connection, until: datetime) -> None:
    before = rows(conn, HOURS)
    maintain(conn, DEFAULT_RETENTION, until)
    assert rows(conn, HOURS) == before
    found = rows(conn, "SELECT days, count(*) FROM sitemon.uptime_recent GROUP BY days ORDER BY days")
    assert found[-1] == (90, len(SITES))
