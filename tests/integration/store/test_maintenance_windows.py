"""Uptime counts results in maintenance apart, whenever a window is declared; to withdraw it undoes that."""

import threading
import time
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec import structs

from sitemon import clock
from sitemon.config.servers import Credentials, PostgresServer
from sitemon.model.errors import FatalError
from sitemon.model.outcome import Outcome
from sitemon.model.result import Result
from sitemon.store.connect import Connection, connect
from sitemon.store.maintain import maintain
from sitemon.store.maintenance_windows import Declaration, declare, read_windows, stop
from sitemon.store.names import Names
from sitemon.store.partitions import DEFAULT_RETENTION
from sitemon.store.roll_up import roll_up
from sitemon.store.schedule import write_notices
from sitemon.store.steps import Steps
from sitemon.store.write import begin_batch, write_batch
from tests.databases import WAITS_FOR_LOCKS, checksums, close_account, execute, open_account, rows
from tests.integration.store.events import ended, start, started
from tests.results import MINUTE, a_down, a_missed, a_result, this_hour

HOUR = timedelta(hours=1)
START = this_hour() - 30 * HOUR
"""So that a day ends among the hours."""


def at(minute: float) -> datetime:
    return START + minute * MINUTE


def results(outcomes: str, first: int = 0, **fields: Any) -> list[Result]:
    """Return a result every ten minutes."""
    kinds = {"u": a_result, "d": a_down, "m": a_missed}
    return [
        kinds[letter](slot_at=at(first + 10 * place), **fields)
        for place, letter in enumerate(outcomes)
        if letter != " "
    ]


def window(conn: Connection, first: float, last: float, *names: str) -> int:
    return declare(
        conn, Declaration(at(first), at(last), names or ["shop"], by="anna", reason="upgrade")
    ).maintenance_id


def withdraw(conn: Connection, number: int) -> None:
    assert stop(conn, number, clock.utc_now(), withdraw=True)


def hours(conn: Connection) -> list[tuple[Any, ...]]:
    query = """
        SELECT up, down, missed, maintenance, uptime_low::double precision, uptime_high::double precision
        FROM sitemon.uptime_hourly ORDER BY hour_at
    """
    return rows(conn, query)


@pytest.fixture
def rolled_up(conn: Connection, names: Names) -> Connection:
    """Two hours of results, rolled up into hours and days."""
    open_account(conn, START)
    write_batch(conn, names, results("uuuuuu" + "uuddmu"))
    roll_up_all(conn)
    return conn


def roll_up_all(conn: Connection) -> None:
    close_account(conn, this_hour())
    roll_up(Steps(conn), this_hour())
    assert rows(conn, "SELECT count(*) > 0 FROM sitemon.count_day") == [(True,)]


def test_results_in_a_window_count_apart_and_nowhere_else(rolled_up: Connection) -> None:
    assert hours(rolled_up) == [(6, 0, 0, 0, 1, 1), (3, 2, 1, 0, 0.5, 0.666667)]
    window(rolled_up, 80, 100)
    assert hours(rolled_up) == [(6, 0, 0, 0, 1, 1), (3, 0, 1, 2, 0.75, 1)]
    days = "SELECT sum(up), sum(down), sum(missed), sum(maintenance) FROM sitemon.uptime_daily"
    assert rows(rolled_up, days) == [(9, 0, 1, 2)]


def test_an_hour_that_is_all_maintenance_has_no_uptime(rolled_up: Connection) -> None:
    window(rolled_up, 60, 120)
    assert hours(rolled_up) == [(6, 0, 0, 0, 1, 1), (0, 0, 0, 6, None, None)]


def test_to_withdraw_a_window_leaves_everything_as_it_was(rolled_up: Connection) -> None:
    before = checksums(rolled_up)
    first = window(rolled_up, 70, 100)
    second = window(rolled_up, 85, 115)
    assert hours(rolled_up)[1] == (1, 0, 0, 5, 1, 1)
    withdraw(rolled_up, first)
    assert hours(rolled_up)[1] == (2, 1, 0, 3, 0.666667, 0.666667)
    withdraw(rolled_up, second)
    assert checksums(rolled_up) == before


def test_results_that_come_late_into_a_window_count_apart(rolled_up: Connection, names: Names) -> None:
    window(rolled_up, 80, 110)
    write_batch(rolled_up, names, results("d", first=95))
    write_batch(rolled_up, names, results("u", first=100))  # in the place of the missed one
    assert hours(rolled_up)[1] == (3, 0, 0, 4, 1, 1)
    write_batch(rolled_up, names, results("d", first=115))
    assert hours(rolled_up)[1] == (3, 1, 0, 4, 0.75, 0.75)


def test_a_window_that_was_there_before_counts_in_all_that_is_rolled_up_later(conn: Connection, names: Names) -> None:
    open_account(conn, START)
    write_batch(conn, names, results("u"))
    window(conn, 80, 100)
    write_batch(conn, names, results("uuuuu" + "uuddmu", first=10))
    expected = [(6, 0, 0, 0, 1, 1), (3, 0, 1, 2, 0.75, 1)]
    assert hours(conn) == expected
    roll_up_all(conn)
    assert hours(conn) == expected


def test_derived_rows_in_a_window_count_apart_and_may_go_again(conn: Connection, names: Names) -> None:
    open_account(conn, start())
    write_notices(conn, names, [started(0)])
    close_account(conn, this_hour())
    [(derived,)] = rows(conn, "SELECT count(*) FROM sitemon.result WHERE is_derived")
    declare(conn, Declaration(start(), start() + 15 * MINUTE, ["shop"]))
    roll_up(Steps(conn), this_hour())
    assert rows(conn, "SELECT sum(maintenance) FROM sitemon.uptime_daily") == [(derived,)]
    assert derived > 0
    write_notices(conn, names, [structs.replace(ended(0), token=2)])
    close_account(conn, this_hour() + MINUTE)
    assert rows(conn, "SELECT * FROM sitemon.uptime_daily") == []


def test_the_last_days_are_summed_anew(rolled_up: Connection) -> None:
    maintain(rolled_up, DEFAULT_RETENTION, clock.utc_now())
    window(rolled_up, 80, 100)
    maintain(rolled_up, DEFAULT_RETENTION, clock.utc_now())
    recent = "SELECT up, down, missed, maintenance FROM sitemon.uptime_recent WHERE days = 7"
    assert rows(rolled_up, recent) == [(9, 0, 1, 2)]


def test_sites_are_chosen_by_label_as_they_are_in_the_schedule(conn: Connection, names: Names) -> None:
    write_notices(conn, names, [started(0)])
    execute(conn, """UPDATE sitemon.watch SET labels = '{"team": "web", "tier": "1"}'""")
    found = declare(conn, Declaration(at(0), at(10), labels={"team": "web"}))
    assert found.sites == ["shop"]
    with pytest.raises(FatalError, match="no site in the schedule has these labels"):
        declare(conn, Declaration(at(0), at(10), labels={"team": "ops"}))
    write_notices(conn, names, [ended(60)])
    close_account(conn, clock.utc_now())
    with pytest.raises(FatalError, match="no site in the schedule has these labels"):
        declare(conn, Declaration(at(0), at(10), labels={"team": "web"}))


def test_what_cannot_be_done_is_refused_and_changes_nothing(rolled_up: Connection) -> None:
    with pytest.raises(FatalError, match="the database has no site blog"):
        window(rolled_up, 0, 10, "shop", "blog")
    with pytest.raises(FatalError, match="results are kept from"):
        window(rolled_up, -60 * 24 * 40, 10)
    with pytest.raises(FatalError, match="there is no window 17"):
        stop(rolled_up, 17, clock.utc_now(), withdraw=False)
    assert read_windows(rolled_up, at(-60 * 24 * 60), 100) == []


def test_windows_are_listed_with_what_became_of_them(rolled_up: Connection) -> None:
    now = clock.utc_now()
    over = window(rolled_up, 0, 10)
    running = declare(rolled_up, Declaration(now - HOUR, now + HOUR, ["shop"])).maintenance_id
    planned = declare(rolled_up, Declaration(now + HOUR, now + 2 * HOUR, ["shop"])).maintenance_id
    never = declare(rolled_up, Declaration(now + 3 * HOUR, now + 4 * HOUR, ["shop"])).maintenance_id
    stop(rolled_up, never, now, withdraw=False)
    found = read_windows(rolled_up, at(0), 100)
    states = {one.maintenance_id: one.state for one in found}
    assert states == {over: "over", running: "running", planned: "planned", never: "withdrawn"}
    assert [one.maintenance_id for one in found] == [never, running, over, planned]
    assert (found[2].sites, found[2].reason, found[2].declared_by) == (["shop"], "upgrade", "anna")


def test_outcomes_are_kept_as_they_were(rolled_up: Connection) -> None:
    before = rows(rolled_up, "SELECT slot_at, outcome FROM sitemon.result ORDER BY 1")
    window(rolled_up, 0, 120)
    assert rows(rolled_up, "SELECT slot_at, outcome FROM sitemon.result ORDER BY 1") == before
    assert {outcome for _, outcome in before} == {Outcome.UP, Outcome.DOWN, Outcome.MISSED}


def test_a_window_waits_for_the_batches_that_are_being_written(
    rolled_up: Connection, postgres_server: PostgresServer, owner: Credentials
) -> None:
    def declare_beside() -> None:
        with closing(connect(postgres_server, owner, application_name="test")) as conn:
            window(conn, 80, 100)

    with rolled_up, rolled_up.cursor() as cursor:
        begin_batch(cursor)
        thread = threading.Thread(target=declare_beside)
        thread.start()
        deadline_s = time.monotonic() + 30
        while True:
            cursor.execute(WAITS_FOR_LOCKS)
            if cursor.fetchall() == [(1,)]:
                break
            assert time.monotonic() < deadline_s
        cursor.execute("SELECT count(*) FROM sitemon.maintenance_window")
        assert cursor.fetchall() == [(0,)]
    thread.join()
    assert hours(rolled_up)[1] == (3, 0, 1, 2, 0.75, 1)
