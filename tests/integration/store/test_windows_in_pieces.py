"""A window of very many rows is declared and withdrawn in transactions that count few of them anew."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from typing import Final

import pytest
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon import clock
from sitemon.config.servers import Credentials, PostgresServer
from sitemon.model.errors import FatalError
from sitemon.store import maintenance_windows as module
from sitemon.store.connect import Connection, connect
from sitemon.store.errors import CanceledError
from sitemon.store.maintenance_windows import BusyError, Declaration, SiteWindow, declare, follow, read_windows, stop
from sitemon.store.names import Names
from sitemon.store.queries import load_queries
from sitemon.store.roll_up import roll_up
from sitemon.store.steps import Steps
from sitemon.store.watermarks import Watermarks
from sitemon.store.write import write_batch
from tests.databases import checksums, close_account, execute, open_account, rows, template_filled_by
from tests.integration.store.test_status_of_many import nodes
from tests.results import MINUTE, a_down, a_result, this_hour

HOURS: Final = 27
"""So that a day ends among them."""
START: Final = this_hour() - HOURS * timedelta(hours=1)
SITES: Final = ["blog", "shop", "wiki"]
MOST: Final = 20
IN_WINDOW: Final = len(SITES) * (HOURS - 1) * 4
"""Of 4 rows an hour; the window begins within the first hour, and ends within the last."""
WHOLE: Final = Declaration(START + 30 * MINUTE, this_hour() - 30 * MINUTE, SITES)

COUNTED_ANEW: Final = """
SELECT coalesce(sum(up + down + maintenance), 0) FROM sitemon.count_hour WHERE xmin = pg_current_xact_id()::xid
"""
COUNTED: Final = """
SELECT
    (SELECT sum(maintenance) FROM sitemon.count_hour),
    (SELECT sum(maintenance) FROM sitemon.uptime_daily),
    (SELECT count(*) FROM sitemon.results WHERE counts_as = 'maintenance'),
    (
        SELECT count(*)
        FROM sitemon.results
        JOIN sitemon.maintenance USING (site)
        WHERE slot_at >= from_at AND slot_at < until_at
    )
"""
"""By hours, by days, by rows, and by the windows as people read them."""


def fill(conn: Connection) -> None:
    open_account(conn, START)
    kinds = (a_result, a_result, a_down, a_result)
    slots = [
        (kind, START + (60 * hour + 15 * place) * MINUTE) for hour in range(HOURS) for place, kind in enumerate(kinds)
    ]
    write_batch(conn, Names(), [kind(site, slot_at=slot_at) for site in SITES for kind, slot_at in slots])
    close_account(conn, this_hour())
    roll_up(Steps(conn), this_hour() + 15 * MINUTE)


template = template_filled_by(fill)


class Transactions:
    """What follows from changed windows, and how many rows each transaction counted anew; it may fail after so many."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.fails_after: int | None = None

    def follow(self, cursor: Cursor, marks: Watermarks, changed: Sequence[SiteWindow]) -> None:
        follow(cursor, marks, changed)
        if len(self.rows) == self.fails_after:
            self.fails_after = None
            raise CanceledError("canceling statement due to statement timeout")
        cursor.execute(COUNTED_ANEW)
        self.rows.append(cursor.fetchall()[0][0])


@pytest.fixture
def transactions(monkeypatch: pytest.MonkeyPatch) -> Transactions:
    made = Transactions()
    monkeypatch.setattr(module, "_ROWS_AT_ONCE", MOST)
    monkeypatch.setattr(module, "follow", made.follow)
    return made


@pytest.fixture
def other(postgres_server: PostgresServer, owner: Credentials) -> Iterator[Connection]:
    with closing(connect(postgres_server, owner, application_name="test")) as other:
        yield other


def test_each_transaction_counts_few_rows_anew(conn: Connection, transactions: Transactions) -> None:
    before = checksums(conn)
    number = declare(conn, WHOLE).maintenance_id
    assert max(transactions.rows) <= MOST
    assert rows(conn, COUNTED) == [(IN_WINDOW,) * 4]
    assert {(one.from_at, one.until_at) for one in read_windows(conn, START, 100)} == {(WHOLE.from_at, WHOLE.until_at)}
    assert rows(conn, "SELECT DISTINCT from_at, until_at FROM sitemon.maintenance_stretch") == [WHOLE[:2]]
    transactions.rows.clear()
    assert stop(conn, number, clock.utc_now(), withdraw=True)
    assert max(transactions.rows) <= MOST
    assert checksums(conn) == before


def test_where_it_breaks_off_the_window_is_what_is_counted(conn: Connection, transactions: Transactions) -> None:
    before = checksums(conn)
    transactions.fails_after = 10
    with pytest.raises(CanceledError):
        declare(conn, WHOLE)
    [(some, *same)] = rows(conn, COUNTED)
    assert 0 < some < IN_WINDOW
    assert same == [some] * 3
    [declared] = read_windows(conn, START, 100)
    transactions.fails_after = 15
    with pytest.raises(CanceledError):
        stop(conn, declared.maintenance_id, clock.utc_now(), withdraw=True)
    [(fewer, *same)] = rows(conn, COUNTED)
    assert 0 < fewer < some
    assert same == [fewer] * 3
    assert stop(conn, declared.maintenance_id, clock.utc_now(), withdraw=True)
    assert checksums(conn) == before


def test_one_is_declared_or_ended_at_a_time_and_nobody_waits(conn: Connection, other: Connection) -> None:
    number = declare(conn, WHOLE).maintenance_id
    before = rows(conn, COUNTED)
    turn = load_queries("maintenance_windows.sql")
    execute(other, turn["take_turn"])
    with pytest.raises(BusyError):
        declare(conn, WHOLE)
    with pytest.raises(BusyError):
        stop(conn, number, clock.utc_now(), withdraw=True)
    assert rows(conn, COUNTED) == before
    execute(other, turn["end_turn"])
    assert stop(conn, number, clock.utc_now(), withdraw=True)


def test_who_fails_has_no_turn_any_more(conn: Connection, other: Connection) -> None:
    with pytest.raises(FatalError):
        declare(conn, WHOLE._replace(names=["nobody"]))
    assert declare(other, WHOLE).sites == SITES


@pytest.mark.parametrize("name", ["count_hours", "count_latency_hours"])
def test_rows_of_a_site_are_not_compared_with_each_of_its_hours(conn: Connection, name: str) -> None:
    execute(conn, "ANALYZE sitemon.result, sitemon.count_hour")
    places = rows(conn, "SELECT site_id, region_id, hour_at FROM sitemon.count_hour")
    site_ids, region_ids, hours_at = map(list, zip(*places, strict=True))
    values = {"site_ids": site_ids, "region_ids": region_ids, "hours_at": hours_at, "hours_until_at": this_hour()}
    execute(conn, "TRUNCATE sitemon.count_hour, sitemon.latency_hour")
    statement = load_queries("maintenance_windows.sql")[name]
    [([plan],)] = rows(conn, f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", values)
    assert sum(node.get("Rows Removed by Join Filter", 0) for node in nodes(plan["Plan"])) == 0
