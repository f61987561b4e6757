"""The counts of those who make results against the rows: what did not arrive, and what nobody made."""

from datetime import timedelta

from sitemon.model.marks import Published
from sitemon.model.moment import to_ms
from sitemon.model.result import Kind
from sitemon.store.account import end_tails, keep_counts, read_counts
from sitemon.store.connect import Connection
from sitemon.store.names import Names
from sitemon.store.positions import Read
from sitemon.store.read import read_count_problems
from sitemon.store.schedule import write_said
from sitemon.store.write import write_batch
from tests.databases import execute, rows
from tests.results import MINUTE, a_result, this_hour

AT_MS = to_ms(this_hour())


def says(conn: Connection, made: int, up_to_ms: int = AT_MS, publisher: str = "one", *, is_last: bool = False) -> None:
    """A publisher tells what it made; the database has heard of it from the beginning on."""
    for so_far in (0, made):
        mark = Published(publisher=publisher, up_to_ms=up_to_ms, made=so_far, is_last=is_last and so_far == made)
        write_said(conn, Names(), [mark])


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


def test_a_publisher_that_was_at_work_before_the_database_was_vouches_for_what_came_since(
    conn: Connection, names: Names
) -> None:
    write_said(conn, names, [Published(publisher="one", up_to_ms=AT_MS, made=1_000)])
    write_batch(conn, names, [a_result(slot_at=this_hour() - timedelta(seconds=1))])
    write_batch(conn, names, [a_result(slot_at=this_hour() + 2 * MINUTE)])
    write_said(conn, names, [Published(publisher="one", up_to_ms=AT_MS + 300_000, made=1_001)])
    assert counted(conn) == (0, 0)


def test_the_last_moments_of_one_that_was_killed_long_ago_are_counted_once(conn: Connection, names: Names) -> None:
    long_ago = this_hour() - timedelta(hours=30)
    write_batch(conn, names, [a_result(slot_at=long_ago + timedelta(seconds=second)) for second in (1, 2, 3)])
    says(conn, 1, to_ms(long_ago))
    end_tails(conn)
    assert rows(conn, "SELECT is_last, tail FROM sitemon.publisher") == [(True, 3)]
    assert counted(conn) == (0, 0)
