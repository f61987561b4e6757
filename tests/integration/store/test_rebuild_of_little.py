"""A rebuild of a little: of nothing, of states older than what is kept, of late results, beside maintenance."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from functools import partial

import pytest
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon import clock
from sitemon.model.result import Kind
from sitemon.store import rebuild as module
from sitemon.store.connect import Connection
from sitemon.store.errors import CanceledError
from sitemon.store.maintain import maintain
from sitemon.store.names import Names
from sitemon.store.partitions import DEFAULT_RETENTION
from sitemon.store.rebuild import Rebuilt, rebuild
from sitemon.store.roll_up import roll_up
from sitemon.store.steps import Steps
from sitemon.store.write import write_batch
from tests.databases import checksums, execute, rows
from tests.results import MINUTE, a_down, a_missed, a_result, this_hour

DAY = timedelta(days=1)


def nothing(_day: date) -> None:
    """Nobody is told."""


def midnight(days_ago: int) -> datetime:
    today = clock.utc_now().date()
    return datetime.combine(today, time(), clock.utc_now().tzinfo) - days_ago * DAY


def test_in_an_empty_database_there_is_nothing_to_do(conn: Connection) -> None:
    assert rebuild(conn, clock.utc_now() + 9 * DAY, nothing) == Rebuilt(days=0, states=0)


def test_a_state_that_began_before_the_results_that_are_kept_keeps_its_beginning(
    conn: Connection, names: Names
) -> None:
    write_batch(conn, names, [a_result(), a_result("blog"), a_down("blog", minute=1)])
    long_ago = clock.utc_now() - 200 * DAY
    execute(conn, "UPDATE sitemon.current_state SET since_at = %(at)s, seen_since_at = %(at)s", {"at": long_ago})
    rebuild(conn, None, nothing)
    since = "SELECT site, since_at FROM sitemon.site_status ORDER BY site"
    assert rows(conn, since) == [("blog", this_hour() + MINUTE), ("shop", long_ago)]
    write_batch(conn, names, [a_result(minute=2)])
    assert rows(conn, since)[1] == ("shop", long_ago)


def test_a_state_whose_results_are_no_longer_kept_stays(conn: Connection, names: Names) -> None:
    write_batch(conn, names, [a_result()])
    long_ago = clock.utc_now() - 200 * DAY
    execute(conn, "UPDATE sitemon.current_state SET slot_at = %s, since_at = %s", (long_ago, long_ago))
    execute(conn, "DELETE FROM sitemon.result")
    rebuild(conn, None, nothing)
    assert rows(conn, "SELECT slot_at, since_at FROM sitemon.current_state") == [(long_ago, long_ago)]


def test_late_results_revise_the_hours_and_days_they_belong_to_and_a_rebuild_finds_the_same(
    conn: Connection, names: Names
) -> None:
    yesterday = midnight(1) + timedelta(hours=10)
    write_batch(conn, names, [a_result(slot_at=yesterday), a_result(slot_at=yesterday + 5 * 60 * MINUTE)])
    roll_up(Steps(conn), clock.utc_now())
    late = [a_down(slot_at=yesterday + MINUTE), a_result(slot_at=yesterday + 2 * MINUTE, latency_s=3.0)]
    write_batch(conn, names, late)
    hours = rows(conn, "SELECT hour_at, up, down FROM sitemon.uptime_hourly ORDER BY hour_at")
    assert hours == [(yesterday, 2, 1), (yesterday + 5 * 60 * MINUTE, 1, 0)]
    assert rows(conn, "SELECT day, up, down FROM sitemon.uptime_daily") == [(yesterday.date(), 3, 1)]
    before = checksums(conn)
    rebuild(conn, None, nothing)
    assert checksums(conn) == before


def test_checks_that_somebody_asked_for_count_for_nothing(conn: Connection, names: Names) -> None:
    write_batch(conn, names, [a_down(kind=Kind.ADHOC)])
    rebuild(conn, None, nothing)
    assert rows(conn, "SELECT * FROM sitemon.current_state") == []
    assert rows(conn, "SELECT * FROM sitemon.count_hour WHERE down > 0") == []


def test_the_next_maintenance_sums_the_last_days_anew(conn: Connection, names: Names) -> None:
    later = clock.utc_now() + timedelta(minutes=30)
    write_batch(conn, names, [a_result()])
    maintain(conn, DEFAULT_RETENTION, later)
    execute(conn, "DELETE FROM sitemon.result")
    rebuild(conn, None, nothing)
    maintain(conn, DEFAULT_RETENTION, later)
    assert rows(conn, "SELECT * FROM sitemon.uptime_recent") == []


def test_many_regions_of_one_site_are_looked_at_for_that_one_alone(
    conn: Connection, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_batch(conn, names, [a_result(f"site-{number}") for number in range(20)])
    write_batch(conn, names, [a_result("elsewhere", region=f"region-{number}") for number in range(300)])
    execute(conn, "DELETE FROM sitemon.current_state WHERE region_id % 2 = 0")
    at_once: list[int] = []
    monkeypatch.setattr("sitemon.store.rebuild.count_away", lambda _cursor, hours: at_once.append(len(hours)))
    assert rebuild(conn, clock.utc_now(), nothing).states == 320
    assert at_once == [200, 120]


def test_where_a_statement_takes_too_long_fewer_sites_are_looked_at(
    conn: Connection, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_batch(conn, names, [a_result(f"site-{number}") for number in range(25)])
    at_once: list[int] = []

    def count(_: object, hours: Sequence[object]) -> None:
        at_once.append(len(hours))
        if len(hours) > longest:
            raise CanceledError("canceling statement due to statement timeout")

    monkeypatch.setattr("sitemon.store.rebuild.count_away", count)
    longest = 20
    assert rebuild(conn, clock.utc_now(), nothing).states == 25
    assert at_once == [25, 20, 5]
    longest = 0
    with pytest.raises(CanceledError):
        rebuild(conn, clock.utc_now(), nothing)
    assert at_once[3:] == [25, 20, 2, 1]


def test_while_states_of_sites_with_many_results_are_settled_those_of_few_are_held(
    conn: Connection, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All rows are read of sites that nobody ever looked at, and of those with which nothing was ever amiss."""
    write_batch(conn, names, [a_missed(f"site-{n}", minute=minute) for n in range(9) for minute in range(10)])
    write_batch(conn, names, [a_missed("many", minute=minute) for minute in range(50)])
    monkeypatch.setattr(module, "_ROWS_AT_ONCE", 40)
    held: list[int] = []
    settle = module._settle

    def note(conn: Connection, columns: Mapping[str, Sequence[int]]) -> int:
        held.append(len(columns["site_ids"]))
        return settle(conn, columns)

    monkeypatch.setattr(module, "_settle", note)
    before = checksums(conn)
    assert rebuild(conn, clock.utc_now(), nothing).states == 10
    assert held == [4, 4, 1, 1]
    assert checksums(conn) == before


def test_only_hours_and_days_have_longer_than_a_minute(
    conn: Connection, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_batch(conn, names, [a_result(slot_at=midnight(3))])
    roll_up(Steps(conn), clock.utc_now())
    had: dict[str, str] = {}

    def note(what: str, cursor: Cursor, *_: object) -> None:
        cursor.execute("SHOW statement_timeout")
        ((had[what],),) = cursor.fetchall()

    for what in ("count_hours", "sum_days", "count_away"):
        monkeypatch.setattr(f"sitemon.store.rebuild.{what}", partial(note, what))
    rebuild(conn, None, nothing)
    assert had == {"count_hours": "15min", "sum_days": "15min", "count_away": "1min"}
