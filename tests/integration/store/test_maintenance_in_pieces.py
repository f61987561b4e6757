"""However much there is to roll up, to sum and to delete: each statement does some, and in the end all is done."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon import clock
from sitemon.store import maintain as maintaining
from sitemon.store import partitions, places
from sitemon.store import roll_up as module
from sitemon.store.connect import Connection
from sitemon.store.errors import CanceledError
from sitemon.store.maintain import maintain
from sitemon.store.names import Names
from sitemon.store.partitions import DEFAULT_RETENTION, Retention
from sitemon.store.places import EVERYWHERE, Range
from sitemon.store.recent import make_recent_due
from sitemon.store.roll_up import count_hours, roll_up
from sitemon.store.steps import Steps
from sitemon.store.write import write_batch
from tests.databases import a_turn, checksums, close_account, execute, rows
from tests.results import MINUTE, a_result, this_hour

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
ROLLED_UP = "SELECT hours_until_at FROM sitemon.watermark"
COUNTED = "SELECT sum(up) FROM sitemon.count_{}"
SITES = [f"site-{number}" for number in range(10)]
RECENT = "SELECT site, days, up FROM sitemon.uptime_recent WHERE days IN (1, 90) ORDER BY site, days"


@pytest.fixture
def start(conn: Connection) -> datetime:
    """Three days ago, since when nothing is rolled up."""
    start = this_hour() - 3 * DAY
    execute(
        conn,
        "UPDATE sitemon.watermark SET hours_until_at = %s, days_until = %s, recent_until_at = '-infinity'",
        (start, start.date()),
    )
    return start


def reached(conn: Connection) -> Iterator[datetime]:
    """How far it is rolled up after each transaction."""
    while roll_up(Steps(conn, turn_s=0.0), this_hour()):
        yield rows(conn, ROLLED_UP)[0][0]


def test_of_a_quarter_with_very_many_results_some_seconds_are_rolled_up_at_a_time(
    conn: Connection, names: Names, start: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_RESULTS_AT_ONCE", 25)
    seconds = [0, 1, 2, 3, 3, 3, 4]
    slots = [start + second * SECOND + n * timedelta(milliseconds=1) for n, second in enumerate(seconds)]
    write_batch(conn, names, [a_result(site, slot_at=slot_at) for site in SITES for slot_at in slots])
    first = [at - start for at, _ in zip(reached(conn), range(4), strict=False)]
    assert first == [2 * SECOND, 3 * SECOND, 4 * SECOND, 15 * MINUTE]
    roll_up(Steps(conn), this_hour())
    assert rows(conn, COUNTED.format("hour")) == rows(conn, COUNTED.format("day")) == [(70,)]
    assert rows(conn, "SELECT sum(checks) FROM sitemon.latency_day") == [(70,)]


def test_what_takes_too_long_for_all_sites_is_done_for_some_after_the_other(
    conn: Connection, names: Names, start: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_batch(conn, names, [a_result(site, slot_at=start) for site in SITES])
    write_batch(conn, names, [a_result("shop", region=f"region-{number}", slot_at=start) for number in range(10)])
    ranges: list[Range] = []

    def for_few(cursor: Cursor, from_at: datetime, until_at: datetime, within: Range) -> None:
        if within == EVERYWHERE:
            raise CanceledError("canceling statement due to statement timeout")
        ranges.append(within)
        count_hours(cursor, from_at, until_at, within)

    monkeypatch.setattr(module, "count_hours", for_few)
    monkeypatch.setattr(places, "_AT_ONCE", 4)
    roll_up(Steps(conn), this_hour())
    of_all = ranges[: [within.last for within in ranges].index(EVERYWHERE.last) + 1]
    assert len(of_all) == 8
    assert [within[:2] for within in of_all] == [EVERYWHERE[:2], *(within.last for within in of_all[:-1])]
    assert rows(conn, COUNTED.format("hour")) == rows(conn, COUNTED.format("day")) == [(20,)]
    before = checksums(conn)
    monkeypatch.undo()
    execute(conn, "UPDATE sitemon.watermark SET hours_until_at = %s, days_until = %s", (start, start.date()))
    execute(conn, "TRUNCATE sitemon.count_hour, sitemon.latency_hour, sitemon.count_day, sitemon.latency_day")
    roll_up(Steps(conn), this_hour())
    assert checksums(conn) == before


def test_the_last_days_of_some_sites_are_summed_at_a_time_and_whoever_comes_next_goes_on(
    conn: Connection, another: Connection, names: Names, start: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_batch(conn, names, [a_result(site, slot_at=start) for site in SITES])
    roll_up(Steps(conn), this_hour())
    monkeypatch.setattr(maintaining, "TURN_S", 0.0)
    monkeypatch.setattr(places, "_AT_ONCE", 8)
    as_of = "SELECT DISTINCT as_of FROM sitemon.uptime_recent"
    assert a_turn(conn).is_behind
    assert rows(conn, RECENT) == [(site, 90, 1) for site in SITES[:4]]
    assert a_turn(another).is_behind
    assert rows(conn, RECENT) == [(site, 90, 1) for site in SITES[:8]]
    assert rows(conn, as_of) == [(None,)]
    assert not a_turn(conn).is_behind
    assert rows(conn, RECENT) == [(site, 90, 1) for site in SITES]
    assert rows(conn, as_of) == rows(conn, ROLLED_UP)


def test_what_changes_while_they_are_summed_has_them_summed_once_more(
    conn: Connection, names: Names, start: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_batch(conn, names, [a_result(site, slot_at=start) for site in SITES])
    roll_up(Steps(conn), this_hour())
    monkeypatch.setattr(maintaining, "TURN_S", 0.0)
    monkeypatch.setattr(places, "_AT_ONCE", 12)
    assert a_turn(conn).is_behind
    execute(conn, "UPDATE sitemon.count_day SET up = 2")
    with conn, conn.cursor() as cursor:
        make_recent_due(cursor)
    a_turn(conn)
    assert [up for _, _, up in rows(conn, RECENT)] == [1] * 6 + [2] * 4
    assert a_turn(conn).is_behind
    assert not a_turn(conn).is_behind
    assert [up for _, _, up in rows(conn, RECENT)] == [2] * 10


def test_sites_of_which_nothing_changed_are_not_written(conn: Connection, names: Names, start: datetime) -> None:
    write_batch(conn, names, [a_result(site, slot_at=start) for site in SITES])
    maintain(conn, DEFAULT_RETENTION, this_hour())
    written = "SELECT DISTINCT xmin::text FROM sitemon.kept_recent"
    before = rows(conn, written)
    execute(conn, "UPDATE sitemon.watermark SET recent_until_at = '-infinity'")
    maintain(conn, DEFAULT_RETENTION, this_hour())
    assert rows(conn, written) == before


def test_whoever_maintains_leaves_recording_its_turns(
    conn: Connection, another: Connection, names: Names, start: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hourly task, `sitemon provision` and `sitemon migrate`, after recorders were away or the account was held."""
    write_batch(conn, names, [a_result(slot_at=start + n * 15 * MINUTE) for n in range(8)])
    left: list[timedelta] = []

    def record(_: float) -> None:
        [(until_at,)] = rows(another, ROLLED_UP)
        left.append(until_at)
        write_batch(another, names, [a_result("blog", slot_at=this_hour() + len(left) * SECOND)])

    monkeypatch.setattr(maintaining, "TURN_S", 0.0)
    monkeypatch.setattr(clock, "sleep", record)
    maintain(conn, DEFAULT_RETENTION, this_hour())
    assert left[:8] == [start + n * 15 * MINUTE for n in range(1, 9)]
    assert rows(conn, "SELECT sum(up) FROM sitemon.count_day") == [(8,)]
    assert rows(conn, "SELECT count(*) FROM sitemon.results WHERE site = 'blog'") == [(len(left),)]


def test_days_past_their_retention_are_deleted_some_at_a_time(
    conn: Connection, names: Names, start: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_batch(conn, names, [a_result(site, slot_at=start) for site in SITES])
    roll_up(Steps(conn), this_hour())
    monkeypatch.setattr(partitions, "_ROWS_AT_ONCE", 3)
    later = clock.utc_now() + 100 * DAY
    close_account(conn, later)
    execute(conn, "UPDATE sitemon.watermark SET hours_until_at = %s, days_until = %s", (later, later.date()))
    retention = Retention(raw_days=1, hourly_days=2, daily_days=3)
    partitions.make_partitions(Steps(conn), later, retention)
    partitions.drop_partitions(Steps(conn, turn_s=0.0), later, retention)
    assert rows(conn, "SELECT count(*) FROM sitemon.count_day") == [(len(SITES) - 3,)]
    partitions.drop_partitions(Steps(conn), later, retention)
    assert rows(conn, "SELECT * FROM sitemon.count_day") == rows(conn, "SELECT * FROM sitemon.latency_day") == []
