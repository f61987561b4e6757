"""Hours are rolled up in turns with recording, by one recorder at a time, and what takes long holds up nobody else."""

import threading
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

import pytest
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon import clock
from sitemon.config.servers import Credentials, PostgresServer
from sitemon.store import maintain as maintaining
from sitemon.store import roll_up as module
from sitemon.store import watermarks
from sitemon.store.connect import Connection, connect
from sitemon.store.errors import CanceledError, LockTimeoutError
from sitemon.store.maintain import maintain
from sitemon.store.names import Names
from sitemon.store.partitions import DEFAULT_RETENTION, Retention
from sitemon.store.roll_up import count_hours, roll_up
from sitemon.store.steps import Steps
from sitemon.store.write import begin_batch, write_batch
from tests.databases import a_turn, execute, open_account, rows
from tests.overlapping import waiting
from tests.pipeline import wait_for
from tests.results import MINUTE, a_result, this_hour

DAY = timedelta(days=1)
QUARTER = timedelta(minutes=15)
ROLLED_UP = "SELECT hours_until_at FROM sitemon.watermark"
OLDEST = "SELECT min(inhrelid::regclass::text) FROM pg_inherits WHERE inhparent = 'sitemon.result'::regclass"


@pytest.fixture
def start(conn: Connection, names: Names) -> datetime:
    """Three hours ago, since when nothing is rolled up. No day is to be summed, whatever time it is."""
    start = this_hour() - timedelta(hours=3)
    execute(conn, "UPDATE sitemon.watermark SET hours_until_at = %s, days_until = %s", (start, this_hour().date()))
    execute(conn, "UPDATE sitemon.watermark SET recent_until_at = '-infinity'")
    write_batch(conn, names, [a_result(slot_at=start + n * 5 * MINUTE) for n in range(30)])
    return start


def test_of_a_backlog_some_is_rolled_up_and_the_rest_when_recording_has_had_its_turn(
    conn: Connection, start: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintaining, "TURN_S", 0.0)
    is_summed = "SELECT recent_until_at = hours_until_at FROM sitemon.watermark"
    for turn in range(1, 12):
        assert a_turn(conn).is_behind
        assert rows(conn, ROLLED_UP) == [(start + turn * QUARTER,)]
        assert rows(conn, is_summed) == [(False,)]
    assert not a_turn(conn).is_behind
    assert rows(conn, is_summed) == [(True,)]
    assert rows(conn, "SELECT sum(up) FROM sitemon.count_hour") == [(30,)]


def test_a_step_that_fails_rests_by_itself_and_the_others_have_their_turns(
    conn: Connection, start: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []

    def too_long(*_: object) -> None:
        raise CanceledError("canceling statement due to statement timeout")

    monkeypatch.setattr(maintaining, "TURN_S", 0.0)
    monkeypatch.setattr(maintaining, "tidy", too_long)
    maintenance = maintaining.Maintenance(DEFAULT_RETENTION, lambda step, _: said.append(step))
    for turn in range(1, 4):
        assert maintenance.turn(conn, this_hour()).is_behind
        assert rows(conn, ROLLED_UP) == [(start + turn * QUARTER,)]
    assert said == ["what is over"]


def test_partitions_are_made_each_time(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who lacks one waits for it."""

    def too_long(*_: object) -> None:
        raise CanceledError("canceling statement due to statement timeout")

    maintenance = maintaining.Maintenance(DEFAULT_RETENTION, lambda *_: None)
    with monkeypatch.context() as failing:
        failing.setattr(maintaining, "make_partitions", too_long)
        assert maintenance.turn(conn, clock.utc_now() + DAY).partitions_made == 0
    assert maintenance.turn(conn, clock.utc_now() + DAY).partitions_made > 0


def test_who_finds_another_at_it_goes_on_recording(
    conn: Connection, another: Connection, start: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside: list[bool] = []

    def count_beside(cursor: Cursor, *values: Any) -> None:
        beside.append(roll_up(Steps(another), this_hour()))
        count_hours(cursor, *values)

    monkeypatch.setattr(module, "count_hours", count_beside)
    assert roll_up(Steps(conn, turn_s=0.0), this_hour())
    assert beside == [False]
    assert rows(conn, ROLLED_UP) == [(start + QUARTER,)]


def test_of_those_who_would_wait_to_roll_up_one_does(
    conn: Connection,
    another: Connection,
    start: datetime,
    postgres_server: PostgresServer,
    owner: Credentials,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each that waits has all others wait who record."""
    patient = watermarks._sql["lock_alone"].replace("4s", "60s")
    monkeypatch.setattr(watermarks, "_sql", {**watermarks._sql, "lock_alone": patient})
    waiter = threading.Thread(target=roll_up, args=[Steps(conn), this_hour()])
    with closing(connect(postgres_server, owner, application_name="test")) as recording:
        begin_batch(recording.cursor())
        waiter.start()
        wait_for(lambda: waiting(another) == 1)
        assert not roll_up(Steps(another, turn_s=0.0), this_hour())
        assert waiting(another) == 1
    waiter.join()
    assert rows(another, ROLLED_UP) == [(this_hour() - QUARTER,)]


def test_behind_a_transaction_that_takes_long_nobody_waits_for_long(
    conn: Connection, another: Connection, start: datetime
) -> None:
    """Who waits to be alone has all others wait who record. What needs no such wait is done all the same."""
    over = "INSERT INTO sitemon.silence (cause, region, since_at, ended_at) VALUES ('beat_down', '', %(at)s, %(at)s)"
    execute(conn, over, {"at": clock.utc_now() - 500 * DAY})
    execute(conn, "SET lock_timeout = 0; SET statement_timeout = '10s'")
    with another, another.cursor() as cursor:
        begin_batch(cursor)
        with pytest.raises(LockTimeoutError):
            maintain(conn, Retention(raw_days=10), this_hour())
    assert rows(conn, ROLLED_UP) == [(start,)]
    assert rows(conn, OLDEST) == [(f"sitemon.result_{this_hour() - 10 * DAY:%Y%m%d}",)]
    assert rows(conn, "SELECT * FROM sitemon.silence") == []
    assert not maintain(conn, DEFAULT_RETENTION, this_hour()).is_behind
    assert rows(conn, ROLLED_UP) == [(this_hour() - QUARTER,)]


def test_days_past_their_retention_are_counted_and_dropped_though_the_account_stands_still(
    conn: Connection, names: Names
) -> None:
    """Whoever holds it for months would have the disk filled."""
    now = clock.utc_now()
    open_account(conn, now - 3 * DAY)
    write_batch(conn, names, [a_result(slot_at=now - n * DAY) for n in range(4)])
    maintain(conn, Retention(raw_days=1), now)
    kept_from = now.replace(hour=0, minute=0, second=0, microsecond=0) - DAY
    assert rows(conn, ROLLED_UP) == [(kept_from,)]
    assert rows(conn, "SELECT sum(up) FROM sitemon.count_day") == [(2,)]
    assert rows(conn, OLDEST) == [(f"sitemon.result_{kept_from:%Y%m%d}",)]
