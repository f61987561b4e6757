"""Stretches in which nobody was there, thousands of them: what compares slots with them takes time by their sum."""

import logging
from datetime import timedelta

import pytest
from msgspec.structs import replace

from sitemon import clock
from sitemon.model.result import Result
from sitemon.store import schedule as module
from sitemon.store.account import close, count_away_hours
from sitemon.store.connect import Connection
from sitemon.store.errors import CanceledError
from sitemon.store.names import Names
from sitemon.store.positions import Read
from sitemon.store.schedule import Notice, forget_history, write_notices
from sitemon.store.write import write_batch
from tests.databases import close_account, execute, open_account, rows
from tests.integration.store.conftest import WriteNotices
from tests.integration.store.events import at, at_ms, away, ended, reign, started
from tests.results import a_result

MISSED = "SELECT sum(missed) FROM sitemon.{}"


@pytest.fixture(autouse=True)
def _account(conn: Connection) -> None:
    """The account begins a minute before the hour of the events, and nobody has closed any of it."""
    open_account(conn, at(-1))


def add_aways(conn: Connection, until_ms: int, every_ms: int, count: int) -> None:
    """Add so many stretches, each of the millisecond that ends so often before a moment."""
    execute(
        conn,
        "INSERT INTO sitemon.away (region_id, from_ms, until_ms) "
        "SELECT region_id, %s - number * %s - 1, %s - number * %s "
        "FROM sitemon.region CROSS JOIN generate_series(1, %s) AS number",
        (until_ms, every_ms, until_ms, every_ms, count),
    )


def late_results(sites: int, minute: float, count: int) -> list[Result]:
    """Of so many sites, a result for each second before a minute."""
    moments = [at(minute) - timedelta(seconds=number // sites) for number in range(count)]
    return [
        replace(a_result(f"site-{number % sites}"), slot_at=moment, checked_at=moment)
        for number, moment in enumerate(moments)
    ]


def test_a_batch_of_late_results_is_not_compared_with_each(conn: Connection, names: Names, write: WriteNotices) -> None:
    write(reign(-60, 300), started(0))
    close_account(conn, at(200))
    add_aways(conn, at_ms(180), 700, 10_000)
    began_s = clock.monotonic_s()
    assert write_batch(conn, names, late_results(50, 100, 5_000)).inserted == 5_000
    assert clock.monotonic_s() - began_s < 10


def test_nor_are_the_slots_of_a_site_that_had_one_a_second(conn: Connection, names: Names, write: WriteNotices) -> None:
    write(reign(-60, 300), started(0))
    close_account(conn, at(200))
    add_aways(conn, at_ms(180), 1_300, 5_000)
    began_s = clock.monotonic_s()
    write_notices(conn, names, [started(100, 1, "often")])
    assert clock.monotonic_s() - began_s < 15
    assert rows(conn, "SELECT sum(expected) > 5000, sum(unaccounted) FROM sitemon.ledger WHERE site = 'often'") == [
        (True, 0)
    ]


def test_the_hours_of_many_sites_in_many_stretches_are_counted_together(
    conn: Connection, names: Names, write: WriteNotices
) -> None:
    sites = 500
    write(reign(-60, 300), *(started(0, site=f"site-{number}") for number in range(sites)))
    add_aways(conn, at_ms(120), 500, 1_000)
    close(conn, at_ms(200))
    assert rows(conn, "SELECT count(*) FROM sitemon.result") == [(sites * (200 - 8),)]
    began_s = clock.monotonic_s()
    assert write_batch(conn, names, late_results(sites, 119, sites)).inserted == sites
    while count_away_hours(conn):
        pass
    assert clock.monotonic_s() - began_s < 15
    assert rows(conn, MISSED.format("away_hour")) == [(sites * 7,)]


def test_nor_are_the_hours_of_a_few_with_the_schedule_of_all(
    conn: Connection, names: Names, write: WriteNotices
) -> None:
    write(reign(-60, 300), *(started(0, site=f"site-{number}") for number in range(1_000)))
    add_aways(conn, at_ms(120), 500, 1_000)
    close(conn, at_ms(200))
    began_s = clock.monotonic_s()
    for minute in (115, 117, 119):
        write_batch(conn, names, late_results(100, minute, 100))
    assert clock.monotonic_s() - began_s < 8


def test_the_ledger_of_many_sites_in_many_stretches_is_read_by_the_hour(
    conn: Connection, names: Names, write: WriteNotices
) -> None:
    sites = 500
    write(reign(-60, 300), *(started(0, site=f"site-{number}") for number in range(sites)))
    add_aways(conn, at_ms(120), 7_000, 1_000)
    close(conn, at_ms(200))
    write_batch(conn, names, late_results(sites, 119, sites))
    began_s = clock.monotonic_s()
    sums = rows(conn, 'SELECT sum(expected), sum("real"), sum(unaccounted), sum(unexpected) FROM sitemon.ledger')
    assert clock.monotonic_s() - began_s < 15
    assert sums == [(sites * 200, sites, 0, 0)]


def test_so_many_told_stretches_are_kept_and_that_others_are_passed_over_is_said_once(
    conn: Connection, names: Names, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_MOST_AWAYS", 3)
    kept = "SELECT from_ms, until_ms FROM sitemon.away ORDER BY 1"
    write_notices(conn, names, [away(0, 1), away(10, 11)])
    with caplog.at_level(logging.WARNING):
        write_notices(conn, names, [away(20, 21), away(30, 31), away(40, 41), away(10, 12)])
    assert rows(conn, kept) == [(at_ms(0), at_ms(1)), (at_ms(10), at_ms(12)), (at_ms(20), at_ms(21))]
    assert [record.message.split(",")[0] for record in caplog.records] == ["reconciler.aways_passed_over: 2"]


def test_told_stretches_of_before_the_rows_have_no_place(
    conn: Connection, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_AWAYS", 1)
    write_notices(conn, names, [away(0, 1)])
    execute(conn, "UPDATE sitemon.watermark SET raw_from_at = %s", (at(60),))
    assert forget_history(conn, 10) == 0
    write_notices(conn, names, [away(0, 1), away(70, 80)])
    assert rows(conn, "SELECT from_ms FROM sitemon.away") == [(at_ms(70),)]


def test_a_told_stretch_of_before_the_account_is_counted(conn: Connection, write: WriteNotices) -> None:
    open_account(conn, at(30))
    write(reign(30, 300), started(0), ended(60))
    close_account(conn, at(200))
    write(away(9, 24))
    while count_away_hours(conn):
        pass
    assert rows(conn, MISSED.format("away_hour")) == [(15,)]


def test_what_takes_too_long_at_once_is_written_in_halves(
    conn: Connection, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, tried = module._write, list[int]()

    def write(conn: Connection, names: Names, notices: list[Notice], read: dict[tuple[str, int], Read]) -> None:
        tried.append(len(notices))
        if len(notices) > 1:
            raise CanceledError("canceling statement due to statement timeout")
        real(conn, names, notices, read)

    monkeypatch.setattr(module, "_write", write)
    read = {("schedule", 0): Read(0, 3)}
    write_notices(conn, names, [started(0), started(0, site="blog"), started(0, site="news")], read)
    assert tried == [3, 1, 2, 1, 1]
    assert rows(conn, "SELECT count(*) FROM sitemon.schedule_stretch") == [(3,)]
    assert rows(conn, "SELECT next_offset FROM sitemon.stream_position") == [(3,)]


def test_an_event_that_takes_too_long_alone_is_tried_again(
    conn: Connection, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(*_: object) -> None:
        raise CanceledError("canceling statement due to statement timeout")

    monkeypatch.setattr(module, "_write", write)
    with pytest.raises(CanceledError):
        write_notices(conn, names, [started(0)])
