"""The state of a site: its newest result, and since when its outcome is what it is."""

import pytest

from sitemon.model.result import Kind, Result
from sitemon.store.connect import Connection
from sitemon.store.names import Names
from sitemon.store.write import write_batch
from tests.databases import rows
from tests.results import MINUTE, a_down, a_missed, a_result, this_hour


def state(conn: Connection) -> tuple[str, float, float]:
    """Return the outcome, and the minutes of its beginning and of its newest result."""
    ((outcome, since_at, slot_at),) = rows(conn, "SELECT outcome, since_at, slot_at FROM sitemon.site_status")
    return outcome, (since_at - this_hour()) / MINUTE, (slot_at - this_hour()) / MINUTE


@pytest.mark.parametrize(
    ("batches", "expected"),
    [
        ([[a_result()]], ("up", 0, 0)),
        ([[a_result()], [a_result(minute=1)]], ("up", 0, 1)),
        ([[a_result()], [a_down(minute=1)]], ("down", 1, 1)),
        ([[a_result()], [a_down(minute=1)], [a_down(minute=2)]], ("down", 1, 2)),
        ([[a_result()], [a_result(minute=1), a_result(minute=2)]], ("up", 0, 2)),
        ([[a_result()], [a_down(minute=1), a_result(minute=2), a_result(minute=3)]], ("up", 2, 3)),
        ([[a_result()], [a_down(minute=1), a_down(minute=2), a_down(minute=3)]], ("down", 1, 3)),
        ([[a_down()], [a_result(minute=2), a_result(minute=1)]], ("up", 1, 2)),
        ([[a_down()], [a_result(minute=2)], [a_result(minute=1), a_result(minute=3)]], ("up", 1, 3)),
        ([[a_missed()], [a_result(), a_result(minute=1)]], ("up", 0, 1)),
    ],
    ids=[
        "first",
        "same",
        "other",
        "twice",
        "several the same",
        "several others",
        "several of one other",
        "out of order",
        "around the newest",
        "replacing the newest",
    ],
)
def test_in_order(conn: Connection, names: Names, batches: list[list[Result]], expected: tuple[str, int, int]) -> None:
    for batch in batches:
        write_batch(conn, names, batch)
    assert state(conn) == expected


@pytest.mark.parametrize(
    ("late", "since"),
    [
        (a_result(minute=3), 2),
        (a_down(minute=3), 4),
        (a_result(minute=1), 1),
        (a_down(minute=1), 2),
        (a_result(minute=-1), 2),
    ],
    ids=["the same within", "another within", "before, joining", "before, not joining", "long before"],
)
def test_a_late_result_moves_the_beginning_only_where_it_matters(
    conn: Connection, names: Names, late: Result, since: int
) -> None:
    for result in (a_down(), a_result(minute=2), a_result(minute=4)):
        write_batch(conn, names, [result])
    write_batch(conn, names, [late])
    assert state(conn) == ("up", since, 4)


def test_a_real_result_in_place_of_a_missed_one_joins_what_it_parted(conn: Connection, names: Names) -> None:
    write_batch(conn, names, [a_result(), a_missed(minute=1), a_result(minute=2)])
    assert state(conn) == ("up", 2, 2)
    write_batch(conn, names, [a_result(minute=1)])
    assert state(conn) == ("up", 0, 2)


def test_the_newest_result_may_itself_be_replaced(conn: Connection, names: Names) -> None:
    write_batch(conn, names, [a_result(), a_missed(minute=1)])
    assert state(conn) == ("missed", 1, 1)
    write_batch(conn, names, [a_down(minute=1)])
    assert state(conn) == ("down", 1, 1)


def test_a_check_that_somebody_asked_for_is_no_part_of_it(conn: Connection, names: Names) -> None:
    write_batch(conn, names, [a_result()])
    write_batch(conn, names, [a_down(minute=1, kind=Kind.ADHOC)])
    write_batch(conn, names, [a_result(minute=2), a_result(minute=3)])
    assert state(conn) == ("up", 0, 3)


def test_each_region_has_its_own(conn: Connection, names: Names) -> None:
    write_batch(conn, names, [a_result(), a_down(region="asia")])
    found = rows(conn, "SELECT region, outcome FROM sitemon.site_status ORDER BY region")
    assert found == [("asia", "down"), ("default", "up")]
