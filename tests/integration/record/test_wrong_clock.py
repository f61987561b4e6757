"""Recorders whose clocks are wrong by days: nothing is put aside for that, and the account is closed."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from sitemon import clock
from sitemon.store.connect import Connection
from sitemon.stream.in_memory import MemoryBroker
from tests.databases import rows
from tests.integration.record.conftest import TOPICS, Reconcile, StartRecorder, wait_until
from tests.integration.record.reconcilers import ended, reign, say, started
from tests.integration.record.test_recording import COUNT, is_all_committed, send
from tests.results import MINUTE, a_result

BEHIND, AHEAD = timedelta(days=-2), timedelta(days=40)
OUTCOMES = "SELECT slot_at, outcome, reason FROM sitemon.results ORDER BY slot_at"

SetClock = Callable[[timedelta], None]


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    """Let this process's clock be so far ahead of what it is."""
    utc_now, now_ms = clock.utc_now, clock.now_ms

    def set_it(by: timedelta) -> None:
        monkeypatch.setattr(clock, "utc_now", lambda: utc_now() + by)
        monkeypatch.setattr(clock, "now_ms", lambda: now_ms() + by // timedelta(milliseconds=1))

    return set_it


@pytest.mark.parametrize("by", [BEHIND, AHEAD])
def test_it_records_what_there_is_room_for_by_postgresqls(
    broker: MemoryBroker,
    start_recorder: StartRecorder,
    conn: Connection,
    set_clock: SetClock,
    by: timedelta,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    send(broker, [a_result(minute=minute) for minute in range(3)])
    set_clock(by)
    start_recorder()
    wait_until(lambda: is_all_committed(broker))
    assert rows(conn, COUNT) == [(3,)]
    assert broker.messages(TOPICS.dead_letters) == []
    wait_until(lambda: any(one.message.startswith("recorder.clock_apart: ") for one in caplog.records))


@pytest.mark.parametrize("by", [BEHIND, AHEAD])
def test_it_takes_up_the_schedule_and_closes_the_account_by_postgresqls(
    broker: MemoryBroker, reconcile: Reconcile, conn: Connection, first: datetime, set_clock: SetClock, by: timedelta
) -> None:
    say(broker, started(first), ended(first, 2), reign(first))
    set_clock(by)
    with reconcile():
        wait_until(lambda: len(rows(conn, OUTCOMES)) == 2)
    assert rows(conn, OUTCOMES) == [(first + minute * MINUTE, "missed", "lost") for minute in range(2)]
    assert broker.messages(TOPICS.dead_letters) == []
