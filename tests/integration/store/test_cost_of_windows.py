"""An edit of windows reads and keeps little, however often they were edited before."""

from datetime import timedelta
from typing import Final

import pytest

from sitemon import clock
from sitemon.model.errors import RetryableError
from sitemon.model.maintenance import Recurring
from sitemon.store import maintain as module
from sitemon.store.connect import Connection
from sitemon.store.maintain import maintain
from sitemon.store.maintenance_windows import Declaration, declare, stop
from sitemon.store.names import Names
from sitemon.store.partitions import DEFAULT_RETENTION
from sitemon.store.steps import Steps
from sitemon.store.tidy import tidy
from sitemon.store.write import write_batch
from tests.databases import close_account, execute, have_counted, open_account, rows
from tests.integration.alert.planning import plan
from tests.results import a_result, this_hour

SITES: Final = [f"site-{number}" for number in range(20)]
BEFORE: Final = 1_000
"""Windows of each site that were cut, 10 s of each 20 s."""

OLD: Final = """
WITH old AS (
    SELECT number, site_id, %(now)s - (number + 1) * '20 s'::interval AS from_at
    FROM sitemon.site CROSS JOIN generate_series(1, 1000) AS number
), stretches AS (
    INSERT INTO sitemon.maintenance_stretch (site_id, from_at, until_at)
    SELECT site_id, from_at, from_at + '10 s'::interval FROM old
)
INSERT INTO sitemon.maintenance_window (maintenance_id, site_id, from_at, until_at, is_configured, stopped_at)
SELECT 1000000 + number, site_id, from_at, from_at + '10 s'::interval, true, now() FROM old
"""
READ: Final = """
SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::integer
FROM pg_stat_user_tables
WHERE relname IN ('maintenance_window', 'maintenance_stretch')
"""
BLOCKS: Final = """
SELECT heap_blks_read + heap_blks_hit + idx_blks_read + idx_blks_hit
FROM pg_statio_user_tables
WHERE relname = 'maintenance_window'
"""
STRETCHES: Final = "SELECT from_at, until_at FROM sitemon.maintenance_stretch ORDER BY from_at"
HOUR: Final = timedelta(hours=1)
NOW: Final = clock.utc_now()


def lasting(edit: int, count: int = 1) -> tuple[Recurring, ...]:
    """So many windows that run for days, other ones with each edit."""
    start = f"{NOW - timedelta(days=1):%Y-%m-%dT%H:%M}"
    return tuple(Recurring(start, 6 * 86_400.0 + edit + 60 * number, None, "UTC") for number in range(count))


def edit(conn: Connection, number: int, *names: str, count: int = 1) -> int:
    """Edit the windows of these sites in the minute of that number, and return how many were written down."""
    rules = dict.fromkeys(names, lasting(number, count))
    return plan(conn, rules, names, NOW + timedelta(minutes=number)).windows


def read_so_far(conn: Connection, query: str = READ) -> int:
    have_counted(conn)
    return int(rows(conn, query)[0][0])


@pytest.fixture
def edited(conn: Connection, names: Names) -> Connection:
    """Sites that were edited very often."""
    with conn, conn.cursor() as cursor:
        names.sites(cursor, SITES)
    execute(conn, "ALTER TABLE sitemon.maintenance_window SET (autovacuum_enabled = false)")
    assert execute(conn, OLD, {"now": NOW}) == len(SITES) * BEFORE
    execute(conn, "ANALYZE sitemon.maintenance_window, sitemon.maintenance_stretch")
    return conn


def test_an_edit_reads_none_of_those_that_edits_before_have_cut(edited: Connection) -> None:
    before = rows(edited, STRETCHES)
    edit(edited, 0, *SITES)
    read = read_so_far(edited)
    assert edit(edited, 1, *SITES) == len(SITES)
    assert read_so_far(edited) - read < 50 * len(SITES)
    assert rows(edited, STRETCHES)[: len(before)] == before


def test_nor_does_who_looks_for_what_was_over_long_ago(edited: Connection) -> None:
    read = read_so_far(edited, BLOCKS)
    tidy(Steps(edited), NOW - timedelta(days=1))
    assert read_so_far(edited, BLOCKS) - read < 20


def test_edits_without_end_leave_one_window_that_they_have_cut(conn: Connection) -> None:
    for number in range(4):
        assert edit(conn, number, "shop", count=20) == 20
    cut = "SELECT from_at, until_at FROM sitemon.maintenance WHERE stopped_at IS NOT NULL"
    assert rows(conn, cut) == [(NOW, NOW + timedelta(minutes=3))]
    assert rows(conn, "SELECT count(*) FROM sitemon.maintenance") == [(1 + 20,)]
    assert [from_at for from_at, _ in rows(conn, STRETCHES)] == [NOW]


def test_a_window_that_was_cut_and_withdrawn_is_none_though_another_one_went_on(conn: Connection) -> None:
    edit(conn, 0, "shop", count=2)
    edit(conn, 1, "shop")
    [(number,)] = rows(conn, "SELECT maintenance_id FROM sitemon.maintenance WHERE stopped_at IS NOT NULL")
    assert stop(conn, number, NOW + HOUR, withdraw=True)
    assert [from_at for from_at, _ in rows(conn, STRETCHES)] == [NOW + timedelta(minutes=1)]


def test_a_window_that_reaches_back_over_those_that_were_cut_is_one_stretch_with_them(edited: Connection) -> None:
    before = rows(edited, STRETCHES)
    number = declare(edited, Declaration(NOW - 10 * HOUR, NOW + HOUR, SITES)).maintenance_id
    assert rows(edited, STRETCHES) == [(NOW - 10 * HOUR, NOW + HOUR)] * len(SITES)
    assert stop(edited, number, NOW, withdraw=True)
    assert rows(edited, STRETCHES) == before


def test_quarters_are_rolled_up_though_there_is_too_much_to_tidy(
    conn: Connection, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RetryableError("too long")

    monkeypatch.setattr(module, "tidy", fail)
    open_account(conn, this_hour() - HOUR)
    write_batch(conn, names, [a_result(slot_at=this_hour() - HOUR)])
    close_account(conn, this_hour())
    with pytest.raises(RetryableError, match="too long"):
        maintain(conn, DEFAULT_RETENTION, this_hour() + HOUR / 2)
    assert rows(conn, "SELECT sum(up) FROM sitemon.count_hour") == [(1,)]
