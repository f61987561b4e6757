"""Slots that lie ahead, as a clock that does names them: each is a row, and says nothing until its slot has come."""

import itertools
from datetime import datetime
from typing import Any

import pytest

from sitemon import clock
from sitemon.model.outcome import Outcome
from sitemon.model.result import Kind, Result
from sitemon.store.connect import Connection
from sitemon.store.names import Names
from sitemon.store.rebuild import rebuild
from sitemon.store.schedule import write_notices
from sitemon.store.write import write_batch
from tests.databases import close_account, execute, open_account, rows
from tests.integration.store import events
from tests.results import MINUTE, a_down, a_missed, a_result, this_hour
from tests.slots_ahead import DAY_AHEAD, let_come

STATES = "SELECT outcome::text, since_at, slot_at, seen_slot_at FROM sitemon.current_state"
UNDECIDED = "SELECT from_at FROM sitemon.undecided"
NOTED = "SELECT slot_at FROM sitemon.slot_ahead"

BEFORE = {
    "nothing": [],
    "well": [a_result(), a_result(minute=1)],
    "down": [a_down(), a_down(minute=1)],
    "missed": [a_result(), a_missed(minute=1)],
}
KINDS = (Kind.SCHEDULED, Kind.MONITOR, Kind.CONFIRM)


def ahead(outcome: Outcome = Outcome.UP, minute: float = 2, kind: Kind = Kind.SCHEDULED) -> Result:
    return a_result(slot_at=at(minute) + DAY_AHEAD, outcome=outcome, kind=kind)


def at(minute: float) -> datetime:
    return this_hour() + minute * MINUTE


def states(conn: Connection) -> list[tuple[Any, ...]]:
    return rows(conn, STATES)


def write_before(conn: Connection, names: Names, before: list[Result]) -> None:
    for result in before:
        write_batch(conn, names, [result])
    execute(conn, "DELETE FROM sitemon.undecided")


@pytest.mark.parametrize("before", BEFORE.values(), ids=BEFORE)
def test_it_says_nothing_of_now(conn: Connection, names: Names, before: list[Result]) -> None:
    write_before(conn, names, before)
    known = states(conn)
    for minute, (outcome, kind) in enumerate(itertools.product(Outcome, KINDS)):
        assert write_batch(conn, names, [ahead(outcome, 12 - minute, kind)]).ahead == 1
    assert (states(conn), rows(conn, UNDECIDED)) == (known, [])
    assert rows(conn, NOTED) == [(at(1) + DAY_AHEAD,)]
    assert rows(conn, "SELECT count(*) FROM sitemon.result") == [(len(before) + 12,)]


@pytest.mark.parametrize("before", BEFORE.values(), ids=BEFORE)
def test_results_of_now_go_on_as_without_it(conn: Connection, names: Names, before: list[Result]) -> None:
    write_before(conn, names, before)
    write_batch(conn, names, [ahead(Outcome.DOWN), a_result(minute=2)])
    since = 2 if before in (BEFORE["nothing"], BEFORE["down"]) else 0
    assert states(conn) == [("up", at(since), at(2), at(2))]
    execute(conn, "DELETE FROM sitemon.undecided")
    write_batch(conn, names, [a_result(minute=3)])
    assert rows(conn, UNDECIDED) == []


@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize("before", BEFORE.values(), ids=BEFORE)
def test_once_its_slot_has_come_it_counts_as_one_that_comes_then(
    conn: Connection, names: Names, before: list[Result], outcome: Outcome
) -> None:
    write_before(conn, names, before)
    write_batch(conn, names, [ahead(outcome)])
    let_come(conn)
    come = states(conn), rows(conn, UNDECIDED), rows(conn, NOTED)
    for table in ("result", "current_state", "undecided"):
        execute(conn, f"DELETE FROM sitemon.{table}")  # noqa: S608 - our own
    write_before(conn, names, before)
    write_batch(conn, names, [a_result(minute=2, outcome=outcome)])
    assert come == (states(conn), rows(conn, UNDECIDED), [])


def test_what_confirms_is_decided_on_once_its_slot_has_come(conn: Connection, names: Names) -> None:
    write_before(conn, names, [a_result()])
    write_batch(conn, names, [ahead(kind=Kind.CONFIRM)])
    let_come(conn)
    assert (states(conn), rows(conn, UNDECIDED)) == ([("up", at(0), at(0), at(0))], [(at(2),)])


def test_of_an_ad_hoc_check_nothing_waits(conn: Connection, names: Names) -> None:
    write_batch(conn, names, [ahead(kind=Kind.ADHOC)])
    assert rows(conn, NOTED) == []


def test_one_that_comes_behind_newer_ones_counts_as_a_late_one(conn: Connection, names: Names) -> None:
    write_before(conn, names, [a_result(), ahead(Outcome.DOWN, 1), a_result(minute=2), a_result(minute=3)])
    let_come(conn)
    assert (states(conn), rows(conn, UNDECIDED)) == ([("up", at(2), at(3), at(3))], [(at(1),)])


def test_each_counts_when_its_own_slot_has_come(conn: Connection, names: Names) -> None:
    write_before(conn, names, [a_result()])
    write_batch(conn, names, [ahead(Outcome.DOWN, 1), ahead(Outcome.UP, 300)])
    let_come(conn)
    assert (states(conn), rows(conn, NOTED)) == ([("down", at(1), at(1), at(1))], [(at(300),)])
    let_come(conn, 297 * MINUTE)
    assert (states(conn), rows(conn, NOTED)) == ([("up", at(3), at(3), at(3))], [])


def test_a_clock_that_is_less_than_a_minute_ahead_is_none_that_lies_ahead(conn: Connection, names: Names) -> None:
    soon = clock.utc_now().replace(microsecond=0) + MINUTE / 2
    write_batch(conn, names, [a_result()])
    assert write_batch(conn, names, [a_down(slot_at=soon)]).ahead == 0
    write_batch(conn, names, [a_result(minute=1)])
    assert states(conn) == [("down", soon, soon, soon)]


def test_how_far_ahead_the_last_of_them_lies_is_said(conn: Connection, names: Names) -> None:
    now = clock.utc_now()
    slots = [now + minutes * MINUTE for minutes in (2, 10, 5)]
    written = write_batch(conn, names, [a_result(), *(a_result(slot_at=slot) for slot in slots)])
    assert written.ahead == 3
    assert 0 < written.ahead_s <= 600


def test_a_rebuild_makes_states_of_what_has_come_and_finds_what_has_not(conn: Connection, names: Names) -> None:
    write_before(conn, names, [a_result(), a_down(minute=1), ahead(minute=2), ahead(minute=3)])
    write_batch(conn, names, [a_result("new", slot_at=at(4) + DAY_AHEAD)])
    found = states(conn), rows(conn, NOTED)
    execute(conn, "DELETE FROM sitemon.slot_ahead")
    execute(conn, "UPDATE sitemon.current_state SET slot_at = now() + '20 hours'::interval, seen_slot_at = 'infinity'")
    rebuild(conn, this_hour(), lambda _: None)
    assert (states(conn), sorted(rows(conn, NOTED))) == (found[0], sorted(found[1]))
    assert found[0] == [("down", at(1), at(1), at(1))]


def test_where_nothing_that_has_come_is_left_of_a_site_it_has_no_state(conn: Connection, names: Names) -> None:
    open_account(conn, events.at(-1))
    write_notices(conn, names, [events.reign(-60, 500), events.started(0, said=-0.6)])
    close_account(conn, events.at(3))
    write_batch(conn, names, [ahead()])
    assert [row[0] for row in states(conn)] != []
    write_notices(conn, names, [events.ended(0)])
    assert states(conn) == []
