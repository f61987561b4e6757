"""What changes very many rows at once is done in slices, and the account is even after each of them."""

from collections.abc import Mapping
from datetime import timedelta
from unittest.mock import Mock

import pytest
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon.model.errors import RefusedError, UnreachableError
from sitemon.model.stretches import stretches_of
from sitemon.store import edits as edits_module
from sitemon.store import fold as module
from sitemon.store.account import close_again
from sitemon.store.connect import Connection
from sitemon.store.errors import CanceledError
from sitemon.store.fold import fold
from sitemon.store.names import Names, WatchId
from sitemon.store.schedule import Notice, write_notices
from sitemon.store.write import write_batch
from tests.databases import close_account, execute, open_account, rows
from tests.integration.store.events import PATIENCE_S, at, ended, reign, started
from tests.integration.store.seen import counts, derived
from tests.results import a_result

SITES = [f"site-{number}" for number in range(5)]
SLOTS_AT_ONCE = 50
EXPECTED = 3 * (10 + 73) + 2 * 20
UNEVEN = 'SELECT sum(unaccounted), sum(unexpected), sum(expected - "real" - derived) FROM sitemon.ledger'


@pytest.fixture(autouse=True)
def _account(conn: Connection, names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five sites have a slot a minute; the account is closed over two hours of them."""
    open_account(conn, at(-1))
    write_notices(conn, names, [reign(-60, 300), *(started(0, site=site) for site in SITES)])
    close_account(conn, at(119) + timedelta(seconds=PATIENCE_S))
    monkeypatch.setattr(module, "_SLOTS_AT_ONCE", SLOTS_AT_ONCE)
    monkeypatch.setattr(module, "_WATCHES_AT_ONCE", 3)


def later() -> list[Notice]:
    """Ten minutes after their start, three sites took another interval; ten minutes later the others ended."""
    return [*(started(10, 90, site=site) for site in SITES[:3]), *(ended(20, site) for site in SITES[3:])]


class Slices:
    """What is to be seen after each slice; the one of a number fails."""

    def __init__(self, conn: Connection, monkeypatch: pytest.MonkeyPatch, failing: int = -1) -> None:
        self.seen: list[int] = []
        self._real = close_again
        self._conn = conn
        self._failing = failing
        monkeypatch.setattr(module, "close_again", self)

    def __call__(self, cursor: Cursor, changed_since: Mapping[WatchId, int], until_ms: int) -> None:
        self._real(cursor, changed_since, until_ms)
        cursor.execute(UNEVEN)
        assert cursor.fetchall() == [(0, 0, 0)]
        cursor.execute("SELECT count(*) FROM sitemon.result WHERE xmin = pg_current_xact_id()::xid")
        self.seen.append(cursor.fetchall()[0][0])
        if len(self.seen) == self._failing:
            raise UnreachableError("terminating connection due to administrator command")


def test_no_transaction_derives_more_than_is_allowed(
    conn: Connection, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    slices = Slices(conn, monkeypatch)
    write_notices(conn, names, later())
    assert len(slices.seen) > 5
    assert max(slices.seen) <= SLOTS_AT_ONCE
    assert counts(conn)[2] == (EXPECTED, EXPECTED, 0, 0)
    assert len(derived(conn)) == EXPECTED


@pytest.mark.parametrize("is_base", [False, True])
def test_what_the_events_of_a_site_ask_for_is_found_out_once_for_all_slices(
    conn: Connection, names: Names, monkeypatch: pytest.MonkeyPatch, *, is_base: bool
) -> None:
    execute(conn, "UPDATE sitemon.schedule_event SET is_base = %s", (is_base,))
    asked = Mock(wraps=stretches_of)
    monkeypatch.setattr(edits_module, "stretches_of", asked)
    slices = Slices(conn, monkeypatch)
    write_notices(conn, names, later())
    assert len(slices.seen) > len(SITES) == asked.call_count
    assert len(derived(conn)) == EXPECTED


def test_results_of_an_edit_that_is_being_taken_in_are_not_unexpected(
    conn: Connection, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_batch(conn, names, [a_result(slot_at=at(minute), site=SITES[0]) for minute in (11.5, 14.5, 17.5)])
    assert rows(conn, "SELECT sum(unexpected) FROM sitemon.ledger") == [(3,)]
    slices = Slices(conn, monkeypatch)  # looks after each
    write_notices(conn, names, later())
    assert len(slices.seen) > 5
    assert rows(conn, 'SELECT sum(unaccounted), sum(unexpected), sum("real") FROM sitemon.ledger') == [(0, 0, 3)]


def test_what_was_broken_off_is_gone_on_with(conn: Connection, names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    slices = Slices(conn, monkeypatch, failing=3)
    with pytest.raises(UnreachableError):
        write_notices(conn, names, later())
    assert rows(conn, UNEVEN) == [(0, 0, 0)]
    assert rows(conn, "SELECT count(*) FROM sitemon.changed_watch") == [(5,)]
    fold(conn)
    assert len(slices.seen) > 5
    assert len(derived(conn)) == EXPECTED
    assert rows(conn, "SELECT count(*) FROM sitemon.changed_watch") == [(0,)]


def test_where_a_statement_takes_too_long_fewer_sites_are_tried_at_once(
    conn: Connection, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def close_one(cursor: Cursor, changed_since: Mapping[WatchId, int], until_ms: int) -> None:
        tried.append(len(changed_since))
        if len(changed_since) > 1:
            cursor.execute("SET LOCAL statement_timeout = '10ms'")
            cursor.execute("SELECT pg_sleep(10)")
        close_again(cursor, changed_since, until_ms)

    monkeypatch.setattr(module, "close_again", close_one)
    write_notices(conn, names, later())
    assert tried[0] == 3
    assert set(tried[1:]) == {1}
    assert len(derived(conn)) == EXPECTED
    assert rows(conn, UNEVEN) == [(0, 0, 0)]


def test_where_one_site_takes_too_long_a_shorter_slice_of_it_is_tried(
    conn: Connection, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = SLOTS_AT_ONCE // 10
    derived_by = []

    def close_few(cursor: Cursor, changed_since: Mapping[WatchId, int], until_ms: int) -> None:
        close_again(cursor, changed_since, until_ms)
        cursor.execute("SELECT count(*) FROM sitemon.result WHERE xmin = pg_current_xact_id()::xid")
        derived_by.append(cursor.fetchall()[0][0])
        if derived_by[-1] > most:
            raise CanceledError("canceling statement due to statement timeout")

    monkeypatch.setattr(module, "close_again", close_few)
    write_notices(conn, names, [started(60, 90, site=SITES[0])])
    assert [number for number in derived_by if number > most] == derived_by[:2]
    assert len(derived(conn)) == 60 + 40 + 4 * 120
    assert rows(conn, UNEVEN) == [(0, 0, 0)]


def test_what_was_changed_already_counts_where_fewer_sites_go_on(
    conn: Connection, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def close_some(cursor: Cursor, changed_since: Mapping[WatchId, int], until_ms: int) -> None:
        tried.append(len(changed_since))
        if tried == [3, 3, 3]:
            raise CanceledError("canceling statement due to statement timeout")
        close_again(cursor, changed_since, until_ms)

    monkeypatch.setattr(module, "close_again", close_some)
    write_notices(conn, names, later())
    assert set(tried[3:]) == {1}
    spent = "SELECT name, budget_full_ms FROM sitemon.watch JOIN sitemon.site USING (site_id) ORDER BY name"
    budgets = dict(rows(conn, spent))
    assert min(budgets[site] for site in SITES[:3]) == budgets[SITES[0]]


def test_what_is_too_much_for_one_site_is_said(conn: Connection, names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Mock(side_effect=CanceledError("canceling statement due to statement timeout"))
    monkeypatch.setattr(module, "close_again", asked)
    with pytest.raises(CanceledError):
        write_notices(conn, names, later())
    assert asked.call_count == 3


FAIL = """
CREATE FUNCTION sitemon.fail() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'value out of range' USING ERRCODE = '22003'; END $$;
CREATE TRIGGER fail BEFORE INSERT ON sitemon.result FOR EACH ROW WHEN (NEW.is_derived) EXECUTE FUNCTION sitemon.fail();
"""


def test_an_error_of_closing_is_none_of_the_events(conn: Connection, names: Names) -> None:
    execute(conn, FAIL)
    with pytest.raises(RefusedError, match="value out of range"):
        write_notices(conn, names, [started(0, site="wiki")])
    assert rows(conn, "SELECT count(*) FROM sitemon.schedule_event") == [(6,)]
    execute(conn, "DROP TRIGGER fail ON sitemon.result")
    fold(conn)
    assert len(derived(conn)) == 6 * 120
