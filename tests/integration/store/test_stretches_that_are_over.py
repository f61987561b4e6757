"""Stretches that are over: each edit of a site leaves one as long as rows are kept, and no step reads them again."""

from collections.abc import Callable
from typing import Final

import pytest

from sitemon.model.schedule import Started
from sitemon.store.account import close, count_away_hours, read_account
from sitemon.store.connect import Connection
from tests.databases import close_account, execute, looks_at, open_account, rows
from tests.integration.store.conftest import WriteNotices
from tests.integration.store.events import at, at_ms, ended, reign, started
from tests.integration.store.seen import derived

EDITS: Final = 1_000
AN_EDIT_MIN: Final = 0.25
OVER_AT: Final = EDITS * AN_EDIT_MIN
MOST_ROWS: Final = 60
YEAR_S: Final = 366 * 86_400


@pytest.fixture(autouse=True)
def _account(conn: Connection, write: WriteNotices) -> None:
    """Patiences of the sites are far apart."""
    open_account(conn, at(-1))
    others = [started(0, 3_600, f"other-{patience_s}", patience_s=patience_s) for patience_s in (40, 600, YEAR_S)]
    write(reign(-60, 500), *others)


def edits(patience_s: int) -> list[Started]:
    """Return an edit of a site a quarter of a minute, each of which leaves a stretch of one slot."""
    return [
        started(number * AN_EDIT_MIN, said=number * AN_EDIT_MIN - 0.1, patience_s=patience_s + number % 2)
        for number in range(EDITS)
    ]


def rows_read(conn: Connection, step: Callable[[], object]) -> int:
    before = looks_at(conn, "schedule_stretch")
    step()
    return looks_at(conn, "schedule_stretch") - before


@pytest.mark.parametrize("patience_s", [40, YEAR_S])
@pytest.mark.parametrize("is_analyzed", [True, False])
def test_a_step_reads_those_alone_of_which_a_patience_ends(
    conn: Connection, write: WriteNotices, patience_s: int, is_analyzed: bool
) -> None:
    write(*edits(patience_s), ended(OVER_AT + 1))
    close_account(conn, at(OVER_AT + 5))
    if is_analyzed:
        execute(conn, "ANALYZE sitemon.schedule_stretch")
    ((kept,),) = rows(conn, "SELECT count(*) FROM sitemon.schedule_stretch")
    assert kept > EDITS
    assert rows_read(conn, lambda: close(conn, at_ms(OVER_AT + 5.5))) < MOST_ROWS


def test_nor_does_who_counts_what_was_missed_while_nobody_was_there(conn: Connection, write: WriteNotices) -> None:
    write(*edits(40), ended(OVER_AT + 1))
    close_account(conn, at(OVER_AT + 5))
    execute(conn, "UPDATE sitemon.account SET away_ms = %s", (at_ms(OVER_AT + 4),))
    close(conn, at_ms(OVER_AT + 20))
    execute(conn, "ANALYZE sitemon.schedule_stretch")
    assert rows_read(conn, lambda: count_away_hours(conn)) < MOST_ROWS
    assert read_account(conn).away_ms == at_ms(OVER_AT + 20)


@pytest.mark.parametrize("step_min", [0.5, 7, 100])
def test_of_each_the_slots_are_found_once_their_patience_has_ended(
    conn: Connection, write: WriteNotices, step_min: float
) -> None:
    minutes = [1, 2.5, 3, 3.5, 20]
    write(*(started(minute, patience_s=40 + 600 * number) for number, minute in enumerate(minutes)), ended(21))
    until_min, expected = 0.0, [1, 2, 2.5, 3, *(3.5 + minute for minute in range(17)), 20]
    execute(conn, "DELETE FROM sitemon.schedule_stretch WHERE until_ms = 9223372036854775807")
    while until_min < 80:
        until_min += step_min
        close(conn, at_ms(until_min))
    assert derived(conn) == expected
