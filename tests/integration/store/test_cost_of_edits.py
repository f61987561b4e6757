"""An edit of a site reads and writes little, however often the site was edited before."""

from typing import Final

import pytest
from msgspec.structs import replace

from sitemon.model.schedule import Ended, Started
from sitemon.model.stretches import FOR_EVER_MS, Edit, stretches_of
from sitemon.store.connect import Connection
from sitemon.store.fold import fold
from sitemon.store.names import Names
from sitemon.store.schedule import write_notices
from tests.databases import close_account, execute, have_counted, open_account, rows
from tests.integration.store.events import PATIENCE_S, at, at_ms, ended, reign, started

BEFORE: Final = 1_500
MOST_ROWS: Final = 40
TOUCHED: Final = """
SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) + n_tup_ins + n_tup_del)::integer
FROM pg_stat_user_tables
WHERE relname IN ('schedule_event', 'schedule_stretch')
"""
STRETCHES: Final = """
SELECT from_ms, until_ms, interval_ms, patience_ms
FROM sitemon.schedule_stretch JOIN sitemon.site USING (site_id)
WHERE name = 'shop'
ORDER BY from_ms
"""


@pytest.fixture(autouse=True)
def _account(conn: Connection, names: Names) -> None:
    """The site has taken another interval in each minute, or ended in it."""
    open_account(conn, at(-1))
    write_notices(conn, names, [reign(-60, 2 * BEFORE), *(edited(minute) for minute in range(BEFORE))])
    close_account(conn, at(0))
    execute(conn, "ANALYZE sitemon.schedule_event, sitemon.schedule_stretch")


def edited(minute: int) -> Started | Ended:
    return ended(minute) if minute % 3 == 2 else started(minute, (20, 30)[minute % 3])


def touched(conn: Connection) -> int:
    """How many rows of the schedule's history were read and written up to now."""
    have_counted(conn)
    return int(rows(conn, TOUCHED)[0][0])


def stretches(*events: Started | Ended) -> list[tuple[int, ...]]:
    """What the site's events ask for, as the definition has it, with these as the last."""
    edits = []
    for one in [*(edited(minute) for minute in range(BEFORE)), *events]:
        asked_for = (one.from_slot_ms, one.interval_ms, one.patience_ms) if isinstance(one, Started) else ()
        edits.append(Edit(one.token, one.sequence, one.at_ms, *asked_for))
    return [tuple(one) for one in stretches_of(edits)]


@pytest.mark.parametrize("late_minutes", [0, 1])
def test_an_edit_touches_few_rows_after_thousands_of_others(conn: Connection, names: Names, late_minutes: int) -> None:
    events = []
    for minute in range(BEFORE, BEFORE + 6):
        one = edited(minute)
        if isinstance(one, Started):
            one = replace(one, from_slot_ms=one.from_slot_ms - late_minutes * 60_000)
        before = touched(conn)
        write_notices(conn, names, [one])
        assert touched(conn) - before <= MOST_ROWS
        events.append(one)
    assert rows(conn, STRETCHES) == stretches(*events)


def test_one_that_says_what_holds_touches_few_rows_too(conn: Connection, names: Names) -> None:
    write_notices(conn, names, [started(BEFORE)])
    before = touched(conn)
    again = started(BEFORE + 10)
    write_notices(conn, names, [again])
    assert touched(conn) - before <= MOST_ROWS
    assert rows(conn, STRETCHES) == stretches(started(BEFORE), again)


def test_of_two_that_come_together_the_first_holds_up_to_the_second(conn: Connection, names: Names) -> None:
    """The second says what held before the first."""
    events = [started(BEFORE), started(BEFORE + 10, 90), started(BEFORE + 20)]
    write_notices(conn, names, events[:1])
    write_notices(conn, names, events[1:])
    assert rows(conn, STRETCHES) == stretches(*events)


def test_one_that_comes_late_has_its_time(conn: Connection, names: Names) -> None:
    late = replace(started(5), sequence=at_ms(5), at_ms=at_ms(5) - 30_000)
    write_notices(conn, names, [started(BEFORE), late])
    assert rows(conn, STRETCHES) == stretches(started(BEFORE), late)


def test_slots_that_stand_alone_are_bounded_for_all_edits_together(
    conn: Connection, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sitemon.model.stretches._MOST_POINTS", 5)
    reaching_far_back = [started(0, 1, said=BEFORE), started(0, 7, said=BEFORE + 1)]
    for one in reaching_far_back:
        write_notices(conn, names, [one])
    assert rows(conn, STRETCHES) == stretches(*reaching_far_back)


def test_so_they_are_where_one_of_two_that_come_together_says_what_held_before(
    conn: Connection, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sitemon.model.stretches._MOST_POINTS", 5)
    first = started(0, 1, said=BEFORE)
    together = [started(BEFORE + 1, 90), started(BEFORE + 0.6, 1, said=BEFORE + 1.5)]
    write_notices(conn, names, [first])
    write_notices(conn, names, together)
    assert rows(conn, STRETCHES) == stretches(first, *together)


def test_stretches_of_earlier_versions_are_made_anew(conn: Connection, names: Names) -> None:
    """One ended when the next edit was said, and slots that stood alone were a stretch beside another one."""
    execute(conn, "DELETE FROM sitemon.schedule_event")
    execute(conn, "DELETE FROM sitemon.schedule_stretch")
    events = [started(0), started(1.75, 90, said=10.2), started(11, 90, said=20.2)]
    write_notices(conn, names, events)
    kept = rows(conn, STRETCHES)
    (site,) = rows(conn, "SELECT site_id, region_id FROM sitemon.watch")
    execute(conn, "DELETE FROM sitemon.schedule_stretch")
    for from_minute, until_ms, interval_ms in [
        (0, at_ms(10.2) + 1, 60_000),
        (1.75, at_ms(20.2) + 1, 90_000),
        (11, FOR_EVER_MS, 90_000),
    ]:
        execute(
            conn,
            "INSERT INTO sitemon.schedule_stretch VALUES (%s, %s, %s, %s, %s, %s)",
            (*site, at_ms(from_minute), until_ms, interval_ms, PATIENCE_S * 1_000),
        )
    execute(conn, "INSERT INTO sitemon.changed_watch SELECT site_id, region_id FROM sitemon.watch")
    fold(conn)
    assert rows(conn, STRETCHES) == kept
