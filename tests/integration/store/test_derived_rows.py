"""A derived row gives way to any result, and goes when something late says that nothing was expected."""

import itertools
from collections.abc import Callable
from datetime import timedelta

import pytest
from msgspec.structs import replace

from sitemon import clock
from sitemon.model.moment import to_ms
from sitemon.model.outcome import Reason
from sitemon.store.account import close
from sitemon.store.connect import Connection
from sitemon.store.names import Names
from sitemon.store.roll_up import roll_up
from sitemon.store.schedule import Notice
from sitemon.store.steps import Steps
from sitemon.store.write import Written, write_batch
from tests.databases import close_account, execute, open_account, rows
from tests.integration.store.conftest import WriteNotices
from tests.integration.store.events import PATIENCE_S, at, at_ms, ended, reign, started, told
from tests.integration.store.seen import counts, derived, state
from tests.results import a_down, a_missed, a_result

PATIENCE = timedelta(seconds=PATIENCE_S)

Step = Callable[[], object]


@pytest.fixture(autouse=True)
def _account(conn: Connection) -> None:
    """The account begins a minute before the hour of the events, and nobody has closed any of it."""
    open_account(conn, at(-1))


@pytest.mark.parametrize("is_rolled_up", [False, True], ids=["open", "rolled up"])
@pytest.mark.parametrize("order", list(itertools.permutations(["real", "told", "derived"])), ids="-".join)
def test_a_real_result_outranks_a_told_one_and_that_one_a_derived_one_in_whatever_order_they_come(
    conn: Connection, names: Names, write: WriteNotices, order: tuple[str, ...], is_rolled_up: bool
) -> None:
    close_account(conn, clock.utc_now())
    if is_rolled_up:
        roll_up(Steps(conn), clock.utc_now())
    steps: dict[str, Step] = {
        "real": lambda: write_batch(conn, names, [a_down(slot_at=at(3))]),
        "told": lambda: write_batch(conn, names, [a_missed(slot_at=at(3), reason=Reason.LATE)]),
        "derived": lambda: write(started(3), ended(4)),
    }
    ranks = {"derived": ("missed", "beat_down", True), "told": ("missed", "late", False)}
    ranks["real"] = ("down", "timeout", False)
    query = """
        SELECT result.outcome::text, reason.name, is_derived FROM sitemon.result JOIN sitemon.reason USING (reason_id)
    """
    for number, name in enumerate(order):
        steps[name]()
        (best,) = [one for one in ("real", "told", "derived") if one in order[: number + 1]][:1]
        assert rows(conn, query) == [ranks[best]]
        assert rows(conn, "SELECT sum(down), sum(missed) FROM sitemon.uptime_hourly") == [
            (1, 0) if best == "real" else (0, 1)
        ]
        assert [row[0] for row in state(conn)] == [ranks[best][0]]
    assert counts(conn)[2] == (1, 0, 0, 0)


def test_each_replacement_is_told_as_one(conn: Connection, names: Names, write: WriteNotices) -> None:
    write(started(0), ended(1))
    close_account(conn, clock.utc_now())
    assert write_batch(conn, names, [a_missed(slot_at=at(0))]) == Written(replaced=1, scheduled=1)
    assert write_batch(conn, names, [a_missed(slot_at=at(0), reason=Reason.LATE)]) == Written()
    assert write_batch(conn, names, [a_result(slot_at=at(0))]) == Written(replaced=1, scheduled=1)


@pytest.mark.parametrize("is_rolled_up", [False, True], ids=["open", "rolled up"])
def test_derived_rows_go_when_an_event_shows_that_they_were_never_expected(
    conn: Connection, names: Names, write: WriteNotices, is_rolled_up: bool
) -> None:
    write(reign(-60, 300), started(0))
    write_batch(conn, names, [a_result(slot_at=at(minute)) for minute in range(20)])
    close_account(conn, at(120))
    if is_rolled_up:
        execute(conn, "UPDATE sitemon.watermark SET days_until = days_until - 1")
        roll_up(Steps(conn), clock.utc_now() + timedelta(days=1))
    assert counts(conn) == [(20, 100), (20, 100), (120, 100, 0, 0)]
    write(ended(45))
    assert derived(conn) == list(range(20, 45))
    assert counts(conn) == [(20, 25), (20, 25), (45, 25, 0, 0)]
    assert rows(conn, "SELECT hour_at FROM sitemon.count_hour") == ([(at(0),)] if is_rolled_up else [])
    assert state(conn) == [("missed", at(20), at(44), "lost", at(19))]
    write(ended(10))
    assert derived(conn) == []
    assert counts(conn) == [(20, 0), (20, 0), (10, 0, 0, 10)], "a real result stays, and is unexpected"
    assert state(conn) == [("up", at(0), at(19), None, at(19))]


def test_told_rows_stay_although_they_were_never_expected(conn: Connection, names: Names, write: WriteNotices) -> None:
    write(started(0))
    write_batch(conn, names, [a_missed(slot_at=at(5))])
    close_account(conn, at(8))
    write(ended(3))
    assert rows(conn, "SELECT slot_at FROM sitemon.results WHERE slot_at >= %s", (at(3),)) == [(at(5),)]


def test_of_a_site_that_was_never_there_no_state_stays(conn: Connection, write: WriteNotices) -> None:
    write(started(0))
    close_account(conn, at(30))
    assert len(state(conn)) == 1
    write(ended(0.2))
    assert rows(conn, "SELECT * FROM sitemon.current_state") == []
    assert state(conn) == []


def test_of_a_day_without_rows_no_count_stays(conn: Connection, write: WriteNotices) -> None:
    write(started(0))
    close_account(conn, at(30))
    roll_up(Steps(conn), clock.utc_now() + timedelta(days=1))
    write(ended(0.2))
    for table in ("count_hour", "count_day"):
        assert rows(conn, f"SELECT * FROM sitemon.{table}") == []  # noqa: S608 - our own names


def test_slots_of_another_interval_take_the_place_of_those_of_before(conn: Connection, write: WriteNotices) -> None:
    write(reign(-60, 60), started(0), ended(40))
    close_account(conn, at(60))
    write(started(10, 600, said=5.5))
    assert derived(conn) == [0, 1, 2, 3, 4, 5, 10, 20, 30]
    assert counts(conn)[2] == (9, 9, 0, 0)


def test_a_late_event_derives_what_it_asks_for_of_the_closed_account_at_once(
    conn: Connection, names: Names, write: WriteNotices
) -> None:
    write_batch(conn, names, [a_result(slot_at=at(5))])
    close_account(conn, at(10) + PATIENCE)
    write(reign(-60, 60), started(0))
    assert derived(conn) == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10], "and no slot whose patience has not ended"
    close(conn, to_ms(at(12) + PATIENCE))
    assert derived(conn)[-2:] == [11, 12]


def test_a_patience_that_is_told_late_holds_for_what_was_derived_too(conn: Connection, write: WriteNotices) -> None:
    write(reign(-60, 60), started(0, patience_s=40))
    close(conn, at_ms(10))
    assert derived(conn)[-1] == 9
    write(started(1, said=0.7, patience_s=400))
    assert derived(conn) == [0, 1, 2, 3]
    close(conn, at_ms(20))
    assert derived(conn)[-1] == 13
    assert counts(conn)[2][:3] == (14, 14, 0)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
def test_what_a_telling_does_not_name_has_ended_once_all_of_it_is_there(
    conn: Connection, write: WriteNotices, order: tuple[int, ...]
) -> None:
    write(reign(-60, 60), started(0), started(0, site="blog"))
    close_account(conn, at(20))
    said: list[Notice] = [
        event_of(2, 1, "wiki"),
        event_of(2, 2, "blog"),
        told(9.5, token=2, sequence=3),
    ]
    for number in order[:2]:
        write(said[number])
    assert count_of(conn, "shop") == 20
    write(said[order[2]])
    assert count_of(conn, "shop") == 10
    assert count_of(conn, "blog") == 20


def event_of(token: int, sequence: int, site: str) -> Notice:
    return replace(started(10, site=site, said=9.5), token=token, sequence=sequence)


def count_of(conn: Connection, site: str) -> int:
    return int(rows(conn, "SELECT count(*) FROM sitemon.results WHERE site = %s", (site,))[0][0])
