"""Partitions: made ahead, dropped when their time is over and not before."""

from datetime import datetime, timedelta

import pytest

from sitemon import clock
from sitemon.model.errors import UnreachableError
from sitemon.model.moment import to_ms
from sitemon.store import maintain as module
from sitemon.store.account import close
from sitemon.store.connect import Connection
from sitemon.store.errors import CanceledError, LockTimeoutError, MissingPartitionError
from sitemon.store.maintain import Maintained, maintain
from sitemon.store.names import Names
from sitemon.store.partitions import DEFAULT_RETENTION, Retention, make_partitions
from sitemon.store.roll_up import roll_up
from sitemon.store.steps import Steps
from sitemon.store.write import Written, write_batch
from tests.databases import close_account, execute, rows
from tests.results import MINUTE, a_result, this_hour

DAY = timedelta(days=1)
QUARTER = timedelta(minutes=15)


def partitions(conn: Connection, table: str) -> list[str]:
    query = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass ORDER BY 1"
    return [name for (name,) in rows(conn, query, (f"sitemon.{table}",))]


def test_there_is_a_day_for_every_slot_that_can_be_recorded(conn: Connection, names: Names) -> None:
    now = clock.utc_now()
    oldest = datetime.combine(DEFAULT_RETENTION.first_raw_day(now), datetime.min.time(), now.tzinfo)
    assert len(partitions(conn, "result")) == 32
    batch = [a_result(slot_at=slot_at) for slot_at in (oldest, now, now + DAY)]
    written = write_batch(conn, names, batch)
    assert written == Written(inserted=3, scheduled=3, ahead=1, ahead_s=written.ahead_s)


def test_maintenance_again_finds_nothing_to_do(conn: Connection) -> None:
    assert maintain(conn, DEFAULT_RETENTION, clock.utc_now()) == Maintained(0, 0)


def test_the_next_day_is_made_and_the_oldest_dropped(conn: Connection) -> None:
    tomorrow = clock.utc_now() + DAY
    before = partitions(conn, "result")
    maintained = maintain(conn, DEFAULT_RETENTION, tomorrow)
    after = partitions(conn, "result")
    assert maintained.partitions_dropped == 1
    assert after[:-1] == before[1:]
    assert len(after) == 32


def test_who_reads_for_long_keeps_the_oldest_day_and_those_who_record_for_a_moment_only(
    conn: Connection, another: Connection
) -> None:
    tomorrow = clock.utc_now() + DAY
    with another, another.cursor() as cursor:
        cursor.execute("SELECT FROM sitemon.results")
        began_s = clock.monotonic_s()
        with pytest.raises(UnreachableError, match="lock timeout"):
            maintain(conn, DEFAULT_RETENTION, tomorrow)
        assert clock.monotonic_s() - began_s < 3
    assert maintain(conn, DEFAULT_RETENTION, tomorrow).partitions_dropped == 1


def test_a_day_that_somebody_reads_keeps_no_other_from_being_dropped(conn: Connection, another: Connection) -> None:
    later = clock.utc_now() + 3 * DAY
    close_account(conn, later)
    oldest = f"sitemon.result_{clock.utc_now() - DEFAULT_RETENTION.raw_days * DAY:%Y%m%d}"
    partitions = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'sitemon.result'::regclass"
    ((before,),) = rows(conn, partitions)
    with another, another.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {oldest} IN ACCESS SHARE MODE")
        with pytest.raises(LockTimeoutError):
            maintain(conn, DEFAULT_RETENTION, later)
        cursor.execute(partitions)
        assert cursor.fetchall() == [(before + 3 - 2,)]
        cursor.execute("SELECT to_regclass(%s) IS NULL", (oldest,))
        assert cursor.fetchall() == [(False,)]


def test_what_is_over_is_dropped_though_a_roll_up_takes_too_long(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_long(*_: object) -> None:
        raise CanceledError("canceling statement due to statement timeout")

    over = "INSERT INTO sitemon.silence (cause, region, since_at, ended_at) VALUES ('beat_down', '', %(at)s, %(at)s)"
    execute(conn, over, {"at": clock.utc_now() - 500 * DAY})
    monkeypatch.setattr(module, "roll_up", too_long)
    with pytest.raises(CanceledError):
        maintain(conn, DEFAULT_RETENTION, clock.utc_now())
    assert rows(conn, "SELECT * FROM sitemon.silence") == []


def test_results_that_are_not_rolled_up_are_not_dropped(conn: Connection) -> None:
    far = clock.utc_now() + 50 * DAY
    make_partitions(Steps(conn), far, DEFAULT_RETENTION)
    with conn, conn.cursor() as cursor:
        cursor.execute("UPDATE sitemon.watermark SET hours_until_at = %s", (clock.utc_now() - 5 * DAY,))
    from sitemon.store.partitions import drop_partitions  # noqa: PLC0415 - the only test of it alone

    dropped = drop_partitions(Steps(conn), far, DEFAULT_RETENTION)
    assert dropped == 25
    assert f"sitemon.result_{clock.utc_now() - 5 * DAY:%Y%m%d}" in partitions(conn, "result")


def test_daily_rollups_outlive_rows_and_hours(conn: Connection, names: Names) -> None:
    write_batch(conn, names, [a_result(), a_result(minute=1)])
    later = clock.utc_now() + 500 * DAY
    daily = "SELECT up, p50_s FROM sitemon.uptime_daily"
    before = rows(conn, daily)
    close(conn, to_ms(later))
    roll_up(Steps(conn), later)
    assert rows(conn, daily) == before
    maintain(conn, DEFAULT_RETENTION, later)
    assert rows(conn, "SELECT count(*) FROM sitemon.results") == [(0,)]
    assert rows(conn, "SELECT count(*) FROM sitemon.uptime_hourly") == [(0,)]
    assert rows(conn, daily) == before


def test_what_the_account_has_not_come_to_is_not_rolled_up(conn: Connection, names: Names) -> None:
    now = clock.utc_now()
    later = now + 3 * QUARTER
    write_batch(conn, names, [a_result(slot_at=now)])
    rolled_up = "SELECT hours_until_at > %s FROM sitemon.watermark"
    roll_up(Steps(conn), later)
    assert rows(conn, rolled_up, (now,)) == [(False,)]
    close(conn, to_ms(later))
    roll_up(Steps(conn), later)
    assert rows(conn, rolled_up, (now,)) == [(True,)]


class BrokenOffError(Exception):
    """The server went away."""


def test_a_backlog_is_rolled_up_quarter_by_quarter_and_what_is_done_stays_done(
    conn: Connection, names: Names, another: Connection
) -> None:
    start = this_hour() - timedelta(hours=3)
    execute(conn, "UPDATE sitemon.watermark SET hours_until_at = %s, days_until = %s", (start, start.date()))
    write_batch(conn, names, [a_result(slot_at=start + n * 5 * MINUTE) for n in range(24)])
    reached: list[datetime] = []

    def break_off_at_the_third() -> None:
        [(at,)] = rows(another, "SELECT hours_until_at FROM sitemon.watermark")
        if at not in reached:
            reached.append(at)
        if len(reached) == 4:
            raise BrokenOffError

    with pytest.raises(BrokenOffError):
        roll_up(Steps(conn, break_off_at_the_third), this_hour())
    assert reached == [start + number * QUARTER for number in range(4)]
    assert rows(conn, "SELECT sum(up) FROM sitemon.count_hour") == [(9,)]
    roll_up(Steps(conn), this_hour())
    assert rows(conn, "SELECT sum(up) FROM sitemon.count_hour") == [(24,)]
    assert rows(conn, "SELECT sum(up) FROM sitemon.uptime_hourly") == [(24,)]


def test_days_without_results_are_passed_over_at_once(conn: Connection, names: Names) -> None:
    start = this_hour() - 20 * DAY
    execute(conn, "UPDATE sitemon.watermark SET hours_until_at = %s, days_until = %s", (start, start.date()))
    write_batch(conn, names, [a_result(slot_at=this_hour() - 10 * DAY)])
    turns = 0
    while roll_up(Steps(conn, turn_s=0.0), this_hour()):
        turns += 1
    assert turns < 20 + 96 + 20
    assert rows(conn, "SELECT sum(up) FROM sitemon.count_day") == [(1,)]


def test_a_slot_without_a_partition_says_so(conn: Connection, names: Names) -> None:
    with pytest.raises(MissingPartitionError):
        write_batch(conn, names, [a_result(slot_at=clock.utc_now() + 3 * DAY)])


@pytest.mark.parametrize(
    ("slot_at", "is_held"),
    [
        (datetime.fromisoformat("2026-11-24T12:00:00Z"), True),
        (datetime.fromisoformat("2026-10-25T00:00:00Z"), True),
        (datetime.fromisoformat("2026-10-24T23:59:59Z"), False),
        (datetime.fromisoformat("2026-11-25T12:00:00Z"), True),
        (datetime.fromisoformat("2026-11-25T12:00:01Z"), False),
    ],
)
def test_retention_says_which_slots_can_be_recorded(slot_at: datetime, is_held: bool) -> None:
    now = datetime.fromisoformat("2026-11-24T12:00:00Z")
    assert Retention(raw_days=30).span(now).holds(slot_at) is is_held
