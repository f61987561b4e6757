"""Slots that lie ahead, as a clock that does names them: they are recorded, and say nothing of how a site is now."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from sitemon import clock
from sitemon.model.outcome import Outcome
from sitemon.model.result import Result
from sitemon.store.connect import Connection
from sitemon.store.names import Names
from sitemon.store.write import write_batch
from tests.databases import execute, rows
from tests.results import MINUTE, a_down, a_missed, a_result, this_hour

SEEN = "SELECT outcome::text, since_at, slot_at, seen_slot_at FROM sitemon.current_state"


def ahead(outcome: Outcome = Outcome.UP, minute: float = 0) -> Result:
    return a_result(slot_at=in_a_day() + minute * MINUTE, outcome=outcome)


def in_a_day() -> datetime:
    """Return the beginning of an hour that nobody's slot has reached."""
    return this_hour() + timedelta(hours=20)


def at(minute: float) -> datetime:
    return this_hour() + minute * MINUTE


def state(conn: Connection) -> tuple[Any, ...]:
    [found] = rows(conn, SEEN)
    return found


@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize(
    ("before", "since"),
    [([a_result(), a_result(minute=1)], 0), ([a_down(), a_result(minute=1)], 1), ([a_down(), a_missed(minute=1)], 2)],
    ids=["well", "well again", "down"],
)
def test_the_next_one_that_has_come_says_how_it_is(
    conn: Connection, names: Names, before: list[Result], since: int, outcome: Outcome
) -> None:
    write_batch(conn, names, before)
    write_batch(conn, names, [ahead(outcome)])
    write_batch(conn, names, [a_result(minute=2)])
    assert state(conn) == ("up", at(since), at(2), at(2))
    write_batch(conn, names, [a_down(minute=3)])
    assert state(conn) == ("down", at(3), at(3), at(3))
    write_batch(conn, names, [a_missed(minute=4)])
    assert state(conn) == ("missed", at(4), at(4), at(3))
    assert rows(conn, "SELECT count(*) FROM sitemon.result WHERE slot_at > now() + '1 hour'::interval") == [(1,)]


def test_so_does_one_that_nobody_looked_at(conn: Connection, names: Names) -> None:
    write_batch(conn, names, [a_result(), a_missed(minute=1)])
    write_batch(conn, names, [ahead()])
    write_batch(conn, names, [a_missed(minute=2)])
    assert state(conn) == ("missed", at(1), at(2), at(0))


def test_each_further_one_is_no_more_to_decide_on_than_before(conn: Connection, names: Names) -> None:
    write_batch(conn, names, [a_result(), a_result(minute=1)])
    write_batch(conn, names, [ahead()])
    write_batch(conn, names, [a_result(minute=2)])
    execute(conn, "DELETE FROM sitemon.undecided")
    write_batch(conn, names, [a_result(minute=3)])
    assert rows(conn, "SELECT * FROM sitemon.undecided") == []


def test_one_that_comes_late_does_not_bring_it_back(conn: Connection, names: Names) -> None:
    write_batch(conn, names, [a_result(), ahead(Outcome.DOWN)])
    write_batch(conn, names, [a_result(minute=2)])
    write_batch(conn, names, [a_result(minute=1)])
    assert state(conn) == ("up", at(0), at(2), at(2))


def test_since_when_is_looked_for_in_a_thousand_rows(conn: Connection, names: Names) -> None:
    write_batch(conn, names, [a_result(minute=second / 60) for second in range(1_100)])
    write_batch(conn, names, [ahead(Outcome.DOWN)])
    write_batch(conn, names, [a_result(minute=1_100 / 60)])
    assert state(conn) == ("up", at(100 / 60), at(1_100 / 60), at(1_100 / 60))


def test_while_all_that_come_lie_ahead_the_newest_of_them_counts(conn: Connection, names: Names) -> None:
    write_batch(conn, names, [a_result()])
    for minute in (0, 2, 4):
        write_batch(conn, names, [ahead(Outcome.DOWN, minute)])
    write_batch(conn, names, [ahead(minute=3)])
    assert state(conn) == ("down", in_a_day() + 4 * MINUTE, in_a_day() + 4 * MINUTE, in_a_day() + 4 * MINUTE)


def test_a_clock_that_is_a_minute_ahead_is_none_that_lies_ahead(conn: Connection, names: Names) -> None:
    soon = clock.utc_now().replace(microsecond=0) + MINUTE / 2
    write_batch(conn, names, [a_result()])
    write_batch(conn, names, [a_down(slot_at=soon)])
    write_batch(conn, names, [a_result(minute=1)])
    assert state(conn) == ("down", soon, soon, soon)


def test_one_that_comes_again_when_its_slot_has_come_counts_then(conn: Connection, names: Names) -> None:
    soon = clock.utc_now().replace(microsecond=0) + 2 * MINUTE
    write_batch(conn, names, [a_result()])
    write_batch(conn, names, [a_down(slot_at=soon)])
    write_batch(conn, names, [a_result(minute=1)])
    execute(conn, "DELETE FROM sitemon.undecided")
    write_batch(conn, names, [a_down(slot_at=soon)])
    assert state(conn) == ("up", at(0), at(1), at(1))
    execute(conn, "UPDATE sitemon.result SET slot_at = slot_at - '2 minutes'::interval WHERE slot_at > now()")
    write_batch(conn, names, [a_down(slot_at=soon - 2 * MINUTE)])
    assert state(conn) == ("down", soon - 2 * MINUTE, soon - 2 * MINUTE, soon - 2 * MINUTE)
    assert rows(conn, "SELECT from_at FROM sitemon.undecided") == [(soon - 2 * MINUTE,)]
