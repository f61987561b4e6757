"""The account: what nobody told of is derived where the rows are, once its patience has ended."""

import threading
from contextlib import closing
from datetime import timedelta

import pytest

from sitemon import clock
from sitemon.config.servers import Credentials, PostgresServer
from sitemon.model.marks import Published
from sitemon.model.moment import to_ms
from sitemon.model.outcome import Outcome
from sitemon.model.result import Kind
from sitemon.store.account import close, lead_reconciling, read_account, read_publishers
from sitemon.store.connect import Connection, connect
from sitemon.store.errors import MissingPartitionError
from sitemon.store.names import Names
from sitemon.store.write import prepare_session, write_batch
from tests.databases import close_account, execute, open_account, rows
from tests.integration.store.conftest import WriteNotices
from tests.integration.store.events import PATIENCE_S, at, at_ms, ended, reign, start, started
from tests.integration.store.seen import counts, derived
from tests.results import a_down, a_missed, a_result

PATIENCE = timedelta(seconds=PATIENCE_S)


@pytest.fixture(autouse=True)
def _account(conn: Connection) -> None:
    """The account begins a minute before the hour of the events, and nobody has closed any of it."""
    open_account(conn, at(-1))


def test_a_slot_without_a_row_is_derived_once_its_patience_has_ended(conn: Connection, write: WriteNotices) -> None:
    write(reign(-60, 60), started(0), ended(30))
    assert close(conn, to_ms(at(4) + PATIENCE) - 1) == 4
    assert derived(conn) == [0, 1, 2, 3]
    assert close(conn, to_ms(at(4) + PATIENCE)) == 1
    row = "SELECT checked_at, outcome, kind, revision, latency_s, http_code FROM sitemon.result ORDER BY slot_at DESC"
    assert rows(conn, row)[0] == (at(4) + PATIENCE, "missed", "scheduled", 0, None, None)


def test_slots_that_have_a_row_are_left_alone(conn: Connection, names: Names, write: WriteNotices) -> None:
    write_batch(conn, names, [a_result(slot_at=at(1)), a_missed(slot_at=at(2)), a_down(slot_at=at(3))])
    write(started(0), ended(6))
    close_account(conn, clock.utc_now())
    assert derived(conn) == [0, 4, 5]


@pytest.mark.parametrize("kind", [Kind.ADHOC, Kind.MONITOR, Kind.CONFIRM])
def test_a_check_that_was_not_scheduled_does_not_account_for_a_slot(
    conn: Connection, names: Names, write: WriteNotices, kind: Kind
) -> None:
    write_batch(conn, names, [a_result(slot_at=at(0), kind=kind)])
    write(started(0), ended(1))
    close_account(conn, clock.utc_now())
    assert derived(conn) == [0]


def test_each_site_has_a_patience_of_its_own(conn: Connection, write: WriteNotices) -> None:
    write(
        reign(-60, 60),
        started(0, site="quick", patience_s=20),
        started(0, site="slow", patience_s=600),
        started(0, 90, "odd"),
    )
    close(conn, at_ms(12))
    query = "SELECT site, count(*) FROM sitemon.results GROUP BY 1 ORDER BY 1"
    assert rows(conn, query) == [("odd", 8), ("quick", 12), ("slow", 3)]


def test_a_patience_that_nobody_told_is_the_interval_and_72_seconds(conn: Connection, write: WriteNotices) -> None:
    write(started(0, patience_s=0))
    close(conn, to_ms(at(1) + timedelta(seconds=132)) - 1)
    assert derived(conn) == [0]


def test_the_account_is_never_opened_again(conn: Connection, write: WriteNotices) -> None:
    write(started(0))
    close(conn, at_ms(10))
    assert close(conn, at_ms(5)) == 0
    assert read_account(conn).closed_ms == at_ms(10)


@pytest.mark.parametrize("step_s", [37, 400, 3_000, 18_000])
def test_closed_in_slices_or_at_once_it_is_the_same(
    conn: Connection, names: Names, write: WriteNotices, step_s: int
) -> None:
    seen = range(0, 80, 7)
    write_batch(conn, names, [a_result(slot_at=at(minute)) for minute in seen])
    write(reign(-60, 14.7), reign(39.7, 41.7, token=2), started(0), started(0, 90, "blog", patience_s=500), ended(80))
    for second in range(step_s, 17_000, step_s):
        close_account(conn, at(0) + timedelta(seconds=second))
    close_account(conn, at(300))
    lit = [half / 2 for half in range(600) if half / 2 < 24.7 or 39.7 < half / 2 < 51.7]
    of_shop = [minute for minute in lit if minute < 80 and minute % 1 == 0 and minute not in seen]
    of_blog = [minute for minute in lit if minute % 1.5 == 0]
    assert derived(conn) == sorted([*of_shop, *of_blog])
    due = 80 + 1 + (300 * 60 - 500) // 90
    assert counts(conn) == [(len(seen), due - len(seen)), (len(seen), due - len(seen)), (due, due - len(seen), 0, 0)]


def test_it_begins_no_earlier_than_the_rows_that_are_kept(conn: Connection) -> None:
    execute(conn, "UPDATE sitemon.watermark SET raw_from_at = %s", (at(20),))
    assert read_account(conn)[:3] == (at_ms(20), at_ms(-1), at_ms(-1))


def test_a_slot_without_a_partition_is_said_and_the_account_stays(conn: Connection, write: WriteNotices) -> None:
    write(started(0))
    execute(conn, f"DROP TABLE sitemon.result_{start():%Y%m%d}")
    with pytest.raises(MissingPartitionError):
        close(conn, at_ms(5))
    assert read_account(conn).closed_ms == at_ms(-1)


def test_one_session_leads_and_another_once_it_has_ended(
    conn: Connection, another: Connection, postgres_server: PostgresServer, owner: Credentials
) -> None:
    with closing(connect(postgres_server, owner, application_name="test")) as first:
        assert lead_reconciling(first)
        assert not lead_reconciling(another)
        assert lead_reconciling(first), "still"
    deadline_s = clock.monotonic_s() + 10
    while not lead_reconciling(another):
        assert clock.monotonic_s() < deadline_s
    assert not lead_reconciling(conn)


COPY_TO_SHOP = """
INSERT INTO sitemon.result (slot_at, checked_at, site_id, region_id, target_id, kind, outcome, body_bytes, redirects)
SELECT slot_at, checked_at, shop.site_id, region_id, target_id, kind, outcome, 0, 0
FROM sitemon.result
JOIN sitemon.site AS shop ON shop.name = 'shop'
"""


def test_a_result_that_is_just_being_written_is_not_called_missing(
    conn: Connection,
    names: Names,
    write: WriteNotices,
    postgres_server: PostgresServer,
    owner: Credentials,
) -> None:
    write(started(0), ended(3))
    with (
        closing(connect(postgres_server, owner, application_name="test")) as holding,
        closing(connect(postgres_server, owner, application_name="test")) as closer,
    ):
        prepare_session(closer)
        write_batch(conn, names, [a_down("other", slot_at=at(0))])
        with holding, holding.cursor() as cursor:
            cursor.execute(COPY_TO_SHOP)
            closing_it = threading.Thread(target=close, args=(closer, to_ms(clock.utc_now())))
            closing_it.start()
            waits = (
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            deadline_s = clock.monotonic_s() + 10
            while rows(conn, waits) == [(0,)]:
                assert clock.monotonic_s() < deadline_s
        closing_it.join()
    outcomes = "SELECT outcome FROM sitemon.results WHERE site = 'shop' ORDER BY slot_at"
    assert rows(conn, outcomes) == [(Outcome.DOWN,), (Outcome.MISSED,), (Outcome.MISSED,)]


def test_of_each_publisher_it_is_known_up_to_when_until_it_ends(conn: Connection, write: WriteNotices) -> None:
    write(
        Published(publisher="one", up_to_ms=5, made=1),
        Published(publisher="one", up_to_ms=9, made=2),
        Published(publisher="one", up_to_ms=7, made=1),
        Published(publisher="two", up_to_ms=4, made=1),
    )
    write(Published(publisher="one", up_to_ms=8, made=2))
    assert read_publishers(conn, 2) == {"one": 9, "two": 4}
    assert len(read_publishers(conn, 1)) == 1
    write(Published(publisher="two", up_to_ms=6, made=3, is_last=True))
    write(Published(publisher="two", up_to_ms=5, made=2))
    assert read_publishers(conn, 2) == {"one": 9}
    assert rows(conn, "SELECT made, is_last FROM sitemon.publisher ORDER BY name") == [(2, False), (3, True)]
