"""A day is summed some sites at a time: whatever happens between, no figure is read twice, and none is lost."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import pytest

from sitemon.store import places
from sitemon.store.connect import Connection
from sitemon.store.connectivity import Connectivity
from sitemon.store.maintenance_windows import Declaration, declare
from sitemon.store.names import Names
from sitemon.store.rebuild import rebuild
from sitemon.store.roll_up import roll_up
from sitemon.store.steps import Steps
from sitemon.store.write import write_batch
from tests.databases import checksums, execute, rows, sum_last_days
from tests.results import MINUTE, a_down, a_result, this_hour

HOUR = timedelta(hours=1)
START = this_hour() - timedelta(days=3)
SITES = [f"site-{number}" for number in range(10)]
DAILY = """
SELECT site, day, up, down, missed, maintenance, p50_s FROM sitemon.uptime_daily ORDER BY site, day
"""
RECENT = "SELECT site, days, up, down, missed, maintenance FROM sitemon.uptime_recent ORDER BY site, days"
PLACE = "SELECT day_site_id FROM sitemon.watermark"


def late_results(conn: Connection, names: Names) -> None:
    write_batch(conn, names, [a_result(site, slot_at=START + 3 * MINUTE, latency_s=3.0) for site in SITES])


def a_late_site(conn: Connection, names: Names) -> None:
    write_batch(conn, names, [a_result(SITES[0], region="elsewhere", slot_at=START), a_result("new", slot_at=START)])


def a_window(conn: Connection, _: Names) -> None:
    declare(conn, Declaration(START, START + HOUR, SITES))


def an_outage(conn: Connection, _: Names) -> None:
    with conn, conn.cursor() as cursor:
        connectivity = Connectivity(cursor)
        connectivity.be_alone()
        assert connectivity.begin("default", START)


@pytest.fixture
def half(conn: Connection, names: Names, monkeypatch: pytest.MonkeyPatch) -> Connection:
    """Of the first day some sites are summed."""
    execute(conn, "UPDATE sitemon.watermark SET hours_until_at = %s, days_until = %s", (START, START.date()))
    write_batch(conn, names, [a_result(site, slot_at=START) for site in SITES])
    write_batch(conn, names, [a_down(site, slot_at=START + MINUTE, latency_s=1.0) for site in SITES])
    monkeypatch.setattr(places, "_AT_ONCE", 6)
    before = rows(conn, DAILY)
    while rows(conn, PLACE) == [(0,)]:
        assert roll_up(Steps(conn, turn_s=0.0), this_hour())
    ((summed,),) = rows(conn, "SELECT count(*) FROM sitemon.count_day")
    assert 0 < summed < len(SITES)
    assert rows(conn, DAILY) == before
    return conn


CHANGES: Mapping[str, Callable[[Connection, Names], None]] = {
    "late results": late_results,
    "a late site": a_late_site,
    "a window": a_window,
    "an outage": an_outage,
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_changes_meanwhile_changes_each_figure_once(half: Connection, names: Names, what: str) -> None:
    before = rows(half, DAILY)
    CHANGES[what](half, names)
    changed = rows(half, DAILY)
    assert changed != before
    sum_last_days(half)
    recent = rows(half, RECENT)
    roll_up(Steps(half), this_hour())
    assert rows(half, DAILY) == changed
    sum_last_days(half)
    assert rows(half, RECENT) == recent != []
    summed = checksums(half)
    rebuild(half, None, print)
    assert checksums(half) == summed


def test_who_makes_days_anew_has_it_begin_anew(half: Connection) -> None:
    before = rows(half, DAILY)
    rebuild(half, None, print)
    assert rows(half, PLACE) == [(0,)]
    roll_up(Steps(half), this_hour())
    assert rows(half, DAILY) == before
    assert rows(half, "SELECT count(*) FROM sitemon.count_day") == [(len(SITES),)]


def test_whoever_comes_next_goes_on(half: Connection, another: Connection) -> None:
    before = rows(half, DAILY)
    roll_up(Steps(another), this_hour())
    assert rows(half, DAILY) == before
    assert rows(half, "SELECT sum(up), sum(down) FROM sitemon.count_day") == [(len(SITES), len(SITES))]


def test_nobody_waits_to_record_between_two_of_them(half: Connection, another: Connection, names: Names) -> None:
    recorded: list[datetime] = []

    def record() -> None:
        if not half.info.transaction_status:
            recorded.append(START + (len(recorded) + 2) * MINUTE)
            write_batch(another, names, [a_result(SITES[-1], slot_at=recorded[-1])])

    roll_up(Steps(half, record), this_hour())
    assert len(recorded) > 2
    assert rows(half, "SELECT sum(up) FROM sitemon.count_day") == [(len(SITES) + len(recorded),)]
