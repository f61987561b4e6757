"""The counts of those who make results against the rows: what did not arrive, and what nobody made."""

from datetime import timedelta

import pytest

from sitemon.model.marks import Published
from sitemon.model.moment import to_ms
from sitemon.model.result import Kind
from sitemon.store import schedule as module
from sitemon.store.connect import Connection
from sitemon.store.counts import keep_counts, read_counts
from sitemon.store.names import Names
from sitemon.store.positions import Read
from sitemon.store.read import read_count_problems
from sitemon.store.schedule import forget_history, forget_publishers, write_notices
from sitemon.store.write import write_batch
from tests.databases import execute, rows
from tests.results import MINUTE, a_result, this_hour

AT_MS = to_ms(this_hour())


@pytest.fixture(autouse=True)
def _counting(conn: Connection) -> None:
    """The counts begin with nothing, a while ago."""
    keep_counts(conn, AT_MS - 60_000, read_counts(conn))


def says(conn: Connection, made: int, up_to_ms: int = AT_MS, publisher: str = "one", *, is_last: bool = False) -> None:
    """A publisher tells what it made."""
    write_notices(conn, Names(), [Published(publisher=publisher, up_to_ms=up_to_ms, made=made, is_last=is_last)])


def counted(conn: Connection, at_ms: int = AT_MS) -> tuple[int, int]:
    keep_counts(conn, at_ms, read_counts(conn))
    return read_count_problems(conn)


def test_what_was_made_and_is_there_is_even(conn: Connection, names: Names) -> None:
    write_batch(conn, names, [a_result(minute=minute) for minute in range(3)])
    says(conn, 3)
    assert counted(conn) == (0, 0)


def test_copies_and_what_can_never_be_written_count_as_arrived(conn: Connection, names: Names) -> None:
    batch = [a_result(minute=minute) for minute in range(3)]
    write_batch(conn, names, batch, {("t", 0): Read(0, 5, beside=2)})
    write_batch(conn, names, batch, {("t", 0): Read(5, 8)})
    says(conn, 8)
    assert counted(conn) == (0, 0)


def test_no_sum_of_forged_counts_ends_the_counting(conn: Connection) -> None:
    """Two marks of the largest number: while their sum cannot be read, nothing is called missed any more."""
    for number in range(3):
        says(conn, 2**63 - 1, up_to_ms=number, publisher=f"forged-{number}")
    assert read_counts(conn).made == 2**62
    while forget_history(conn, 10):
        pass
    assert read_counts(conn).made == 2**62
    counted(conn)


def test_what_publishers_made_that_are_forgotten_counts(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_DEAD_KEPT", 2)
    monkeypatch.setattr(module, "_DEAD_AT_ONCE", 2)
    for number in range(5):
        says(conn, 10**number, AT_MS + number, f"dead-{number}")
    says(conn, 100_000, AT_MS + 9, "ended", is_last=True)
    says(conn, 1_000_000, 0, "living")
    parts = [forget_publishers(conn, ["living", "unknown"]) for _ in range(3)]
    assert parts == [True, True, False]
    assert rows(conn, "SELECT name FROM sitemon.publisher ORDER BY 1") == [("dead-3",), ("dead-4",), ("living",)]
    assert read_counts(conn).made == 1_111_111


def test_what_was_made_and_did_not_arrive_is_lacking(conn: Connection, names: Names) -> None:
    write_batch(conn, names, [a_result()])
    says(conn, 3)
    assert counted(conn) == (2, 0)


def test_rows_that_nobody_made_are_a_surplus(conn: Connection, names: Names) -> None:
    write_batch(conn, names, [a_result(minute=minute) for minute in range(3)])
    says(conn, 1, is_last=True)
    assert counted(conn) == (0, 2)


def test_only_results_of_scheduled_slots_count(conn: Connection, names: Names) -> None:
    write_batch(conn, names, [a_result(kind=kind) for kind in Kind])
    says(conn, 1)
    assert counted(conn) == (0, 0)


def test_a_publisher_that_was_killed_may_have_made_the_rows_of_its_last_moments(conn: Connection, names: Names) -> None:
    write_batch(conn, names, [a_result(slot_at=this_hour() + timedelta(seconds=second)) for second in (1, 2, 3)])
    says(conn, 1)
    assert counted(conn, AT_MS + 60_000) == (0, 0)
    write_batch(conn, names, [a_result(slot_at=this_hour() + 5 * MINUTE)])
    write_batch(conn, names, [a_result(slot_at=this_hour() + 6 * MINUTE)])
    says(conn, 1, AT_MS + 300_000, "two")
    assert counted(conn, AT_MS + 400_000) == (0, 0)
    execute(conn, "UPDATE sitemon.publisher SET is_last = true")
    assert counted(conn, AT_MS + 400_000) == (0, 3)


def test_what_was_before_the_counts_began_is_nobody_s_lack_or_surplus(conn: Connection, names: Names) -> None:
    a_day_later_ms = AT_MS + 86_400_000
    says(conn, 1_000)
    assert counted(conn) == (1_000, 0)
    assert counted(conn, a_day_later_ms) == (0, 0), "after a day they begin anew"
    write_batch(conn, names, [a_result(minute=minute) for minute in range(2)])
    says(conn, 1_001, a_day_later_ms, is_last=True)
    assert counted(conn, a_day_later_ms + 60_000) == (0, 1)
