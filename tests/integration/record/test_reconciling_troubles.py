"""Servers go away, sessions end, and there may be two reconcilers: the account is closed by one, sooner or later."""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest

from sitemon import clock, outage
from sitemon.model.errors import UnreachableError
from sitemon.model.moment import to_ms
from sitemon.model.topic_partition import TopicPartition
from sitemon.record import reconciler as module
from sitemon.store import account as store_account
from sitemon.store.account import read_account
from sitemon.store.connect import Connection
from sitemon.store.errors import CanceledError
from sitemon.stream.in_memory import MemoryBroker
from tests.databases import end_sessions, execute, open_account, rows
from tests.integration.record.conftest import TOPICS, Reconcile, wait_until
from tests.integration.record.reconcilers import (
    MemoryFollower,
    closed_ago_s,
    is_all_read,
    is_closed,
    say,
    started,
)

OUTCOMES = "SELECT site, slot_at, outcome, reason FROM sitemon.results ORDER BY site, slot_at"


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    events = [record.message.split(":")[0] for record in caplog.records if record.levelno >= logging.WARNING]
    return [event for event in events if event.startswith("reconciler.")]


def test_while_kafka_is_away_nothing_is_closed_and_it_is_said_once(
    broker: MemoryBroker,
    reconcile: Reconcile,
    conn: Connection,
    first: datetime,
    caplog: pytest.LogCaptureFixture,
) -> None:
    broker.stop()
    with reconcile():
        wait_until(lambda: said(caplog) == ["reconciler.waiting"])
        assert closed_ago_s(conn) > 20 * 60
        broker.start()
        say(broker, started(first))
        wait_until(lambda: is_closed(conn) and is_all_read(broker, conn))
        wait_until(lambda: said(caplog) == ["reconciler.waiting", "reconciler.recovered"])


LEADERS = """
SELECT application_name
FROM pg_locks
JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND datname = current_database() AND application_name LIKE 'reconciler%' AND granted
    AND mode = 'ExclusiveLock'
"""


@pytest.mark.usefixtures("first")
def test_one_of_two_leads_and_the_other_takes_over_when_it_ends(reconcile: Reconcile, conn: Connection) -> None:
    with reconcile("reconciler-1") as stop_first:
        wait_until(lambda: rows(conn, LEADERS) == [("reconciler-1",)])
        with reconcile("reconciler-2"):
            wait_until(lambda: is_closed(conn))
            assert rows(conn, LEADERS) == [("reconciler-1",)]
            stop_first.set()
            wait_until(lambda: rows(conn, LEADERS) == [("reconciler-2",)])
            execute(conn, "UPDATE sitemon.account SET closed_ms = closed_ms - 60000")
            wait_until(lambda: is_closed(conn))


def test_somebody_leads_again_after_the_leader_s_session_was_ended(
    broker: MemoryBroker, reconcile: Reconcile, conn: Connection, first: datetime
) -> None:
    with reconcile("reconciler-1"):
        wait_until(lambda: rows(conn, LEADERS) == [("reconciler-1",)])
        with reconcile("reconciler-2"):
            for minute in range(3):
                (leader,) = rows(conn, LEADERS)[0]
                end_sessions(conn, leader)
                say(broker, started(first, f"site-{minute}"))
                wait_until(lambda: is_all_read(broker, conn) and len(rows(conn, LEADERS)) == 1)
    assert rows(conn, "SELECT count(*) FROM sitemon.schedule_event") == [(3,)]


def test_a_mistake_of_ours_is_shown_and_does_not_end_it(
    broker: MemoryBroker,
    reconcile: Reconcile,
    conn: Connection,
    first: datetime,
    caplog: pytest.LogCaptureFixture,
) -> None:
    failures = iter([ValueError("a mistake")])

    def follow(positions: Mapping[TopicPartition, int]) -> MemoryFollower:
        for failure in failures:
            raise failure
        return MemoryFollower(broker, positions)

    say(broker, started(first))
    with reconcile(follow=follow):
        wait_until(lambda: is_closed(conn))
    (record,) = [record for record in caplog.records if record.message.startswith("reconciler.failed")]
    assert record.exc_info is not None


def test_what_was_too_much_at_once_is_closed_in_smaller_parts(
    reconcile: Reconcile, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_account(conn, clock.utc_now() - timedelta(hours=5))
    real, failed_ms = store_account.close, list[int]()

    def close(own: Connection, closed_ms: int) -> int:
        width_ms = closed_ms - read_account(own).closed_ms
        if width_ms > 3_600_000:
            failed_ms.append(width_ms)
            raise UnreachableError("canceling statement due to statement timeout")
        return real(own, closed_ms)

    monkeypatch.setattr(module, "close", close)
    with reconcile():
        wait_until(lambda: is_closed(conn), 60)
    assert failed_ms
    assert max(failed_ms) < 3 * 3_600_000


def test_however_much_was_dark_and_is_not_the_account_is_closed_meanwhile(
    reconcile: Reconcile, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_STEP_MS", 500)
    first_ms: list[int] = []

    def light(own: Connection, width_ms: int) -> bool:
        if not first_ms:
            first_ms.append(clock.now_ms())
        return True

    monkeypatch.setattr(module, "light", light)
    with reconcile():
        wait_until(lambda: bool(first_ms) and read_account(conn).closed_ms > first_ms[0])


def test_what_was_too_much_at_once_is_lit_in_smaller_parts(
    reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SHORT_S", 60.0)
    monkeypatch.setattr(module, "_LONG_S", 61.0)
    widths_ms: list[int] = []

    def light(own: Connection, width_ms: int) -> bool:
        widths_ms.append(width_ms)
        if width_ms > 40_000:
            raise UnreachableError("canceling statement due to statement timeout")
        return len(widths_ms) < 5

    monkeypatch.setattr(module, "light", light)
    with reconcile():
        wait_until(lambda: len(widths_ms) == 5)
    assert widths_ms == [8_000, 16_000, 32_000, 64_000, 32_000]


@pytest.mark.usefixtures("first")
def test_where_it_takes_too_long_to_forget_fewer_sites_are_tried_and_the_account_is_closed(
    reconcile: Reconcile, conn: Connection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name, value in {"_FORGET_EVERY_S": 0.0, "_FORGET_AGAIN_S": 0.0, "_SHORT_S": 60.0, "_LONG_S": 61.0}.items():
        monkeypatch.setattr(module, name, value)
    tried: list[int] = []

    def forget(own: Connection, sites: int, after_site: int = 0) -> int:
        tried.append(sites)
        if sites > 3:
            raise CanceledError("canceling statement due to statement timeout")
        return after_site + sites

    monkeypatch.setattr(module, "forget_history", forget)
    with reconcile():
        wait_until(lambda: len(tried) > 5)
        execute(conn, "UPDATE sitemon.account SET closed_ms = closed_ms - 60000")
        wait_until(lambda: is_closed(conn))
    assert tried[:6] == [1, 2, 4, 2, 4, 2]
    assert set(said(caplog)) == {"reconciler.forgets_later"}


@pytest.mark.usefixtures("first")
def test_where_it_takes_too_long_to_take_what_lay_ahead_fewer_are_taken(
    reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"_BESIDE_S": 60.0, "_SHORT_S": 60.0, "_LONG_S": 61.0}.items():
        monkeypatch.setattr(module, name, value)
    tried: list[int] = []

    def take(own: Connection, watches: int) -> bool:
        tried.append(watches)
        if watches > 3:
            raise CanceledError("canceling statement due to statement timeout")
        return len(tried) < 6

    monkeypatch.setattr(module, "take_what_came", take)
    with reconcile():
        wait_until(lambda: len(tried) > 5)
    assert tried[:6] == [1, 2, 4, 2, 4, 2]


FAIL = """
CREATE FUNCTION sitemon.fail() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'value out of range' USING ERRCODE = '22003'; END $$;
CREATE TRIGGER fail BEFORE INSERT ON sitemon.result FOR EACH ROW WHEN (NEW.is_derived) EXECUTE FUNCTION sitemon.fail();
"""


def test_where_the_account_cannot_be_closed_no_event_is_put_aside_for_it(
    broker: MemoryBroker,
    reconcile: Reconcile,
    conn: Connection,
    first: datetime,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outage, "REFUSED", outage.AWAY)
    with reconcile():
        wait_until(lambda: is_closed(conn))
        execute(conn, FAIL)
        say(broker, started(first), started(first, "blog"))
        wait_until(lambda: is_all_read(broker, conn))
        wait_until(lambda: said(caplog) == ["reconciler.waiting"])
        execute(conn, "DROP TRIGGER fail ON sitemon.result")
        wait_until(lambda: len(rows(conn, OUTCOMES)) > 2)
    assert broker.messages(TOPICS.dead_letters) == []
    assert rows(conn, "SELECT count(*) FROM sitemon.schedule_event") == [(2,)]


def test_of_what_was_told_again_and_again_only_the_newest_is_kept(
    broker: MemoryBroker, reconcile: Reconcile, conn: Connection, first: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_FORGET_EVERY_S", 0.1)
    for site in ("shop", "blog"):
        for days in (3, 2):
            told_ms = to_ms(first - timedelta(days=days))
            say(broker, started(first, site, token=4 - days, at_ms=told_ms))
    with reconcile():
        wait_until(lambda: is_closed(conn))
        wait_until(lambda: rows(conn, "SELECT token FROM sitemon.schedule_event") == [(2,), (2,)])
