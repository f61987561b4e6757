"""A reign that comes late has only that time looked at again which no reign covered before."""

from collections.abc import Iterable

import pytest
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon.model.marks import Reign
from sitemon.store import schedule as module
from sitemon.store.account import correct_reasons
from sitemon.store.connect import Connection
from sitemon.store.names import Names
from sitemon.store.schedule import write_notices
from tests.databases import close_account, open_account, rows
from tests.integration.store.events import at, at_ms, reign, started

OVER_ALL = Reign(token=99, from_ms=1, until_ms=at_ms(300))
BY_REASON = """
    SELECT reason, (min(slot_at) AT TIME ZONE 'UTC')::text, count(*)
    FROM sitemon.results WHERE outcome = 'missed' GROUP BY reason ORDER BY reason
"""


@pytest.fixture(autouse=True)
def _account(conn: Connection, names: Names) -> None:
    """A site has a slot a minute; two beats led, and nobody for five minutes between them."""
    open_account(conn, at(-1))
    write_notices(conn, names, [reign(-60, 20), reign(25, 200, token=2), started(0)])
    close_account(conn, at(60))


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The stretches of time that were looked at again."""
    seen: list[tuple[int, int]] = []

    def look(cursor: Cursor, covered: Iterable[tuple[int, int]]) -> None:
        spans = list(covered)
        seen.extend(spans)
        correct_reasons(cursor, spans)

    monkeypatch.setattr(module, "correct_reasons", look)
    return seen


def test_one_over_all_of_time_has_the_gaps_between_others_looked_at(
    conn: Connection, names: Names, looked_at: list[tuple[int, int]]
) -> None:
    before = {reason: count for reason, _, count in rows(conn, BY_REASON)}
    assert before == {"beat_down": 4, "lost": 56}
    write_notices(conn, names, [OVER_ALL])
    assert looked_at == [
        (1, at_ms(-60) - 1),
        (at_ms(20) + 1, at_ms(25) - 1),
        (at_ms(200) + 1, at_ms(300)),
    ]
    assert {reason: count for reason, _, count in rows(conn, BY_REASON)} == {"lost": 60}


def test_another_one_over_all_of_time_has_nothing_looked_at(
    conn: Connection, names: Names, looked_at: list[tuple[int, int]]
) -> None:
    write_notices(conn, names, [OVER_ALL])
    looked_at.clear()
    write_notices(conn, names, [Reign(token=token, from_ms=1, until_ms=at_ms(300)) for token in range(100, 200)])
    assert looked_at == []


def test_one_that_goes_on_has_its_newest_part_looked_at(
    conn: Connection, names: Names, looked_at: list[tuple[int, int]]
) -> None:
    write_notices(conn, names, [reign(25, 210, token=2)])
    assert looked_at == [(at_ms(200) + 1, at_ms(210))]
