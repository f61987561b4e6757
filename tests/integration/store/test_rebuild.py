"""Rollups and states are made anew from the results, to the last bit as they were."""

import random
import threading
from contextlib import suppress
from datetime import date, datetime, time, timedelta

import pytest

from sitemon import clock
from sitemon.model.errors import FatalError
from sitemon.model.marks import Reign
from sitemon.model.moment import to_ms
from sitemon.model.result import Result
from sitemon.model.schedule import Away, Started
from sitemon.store.connect import Connection
from sitemon.store.errors import LockTimeoutError
from sitemon.store.maintain import maintain
from sitemon.store.names import Names
from sitemon.store.partitions import DEFAULT_RETENTION
from sitemon.store.rebuild import rebuild
from sitemon.store.roll_up import roll_up
from sitemon.store.schedule import write_notices
from sitemon.store.steps import Steps
from sitemon.store.write import write_batch
from tests.databases import DERIVED, checksums, close_account, execute, open_account, rows, template_filled_by
from tests.integration.store.test_random_histories import batch_of, random_result
from tests.results import MINUTE, this_hour

DAY = timedelta(days=1)
HOURS = 50
DAYS = 4
"""Days enough to hold them."""


def nothing(_day: date) -> None:
    """Nobody is told."""


def midnight(days_ago: int) -> datetime:
    today = clock.utc_now().date()
    return datetime.combine(today, time(), clock.utc_now().tzinfo) - days_ago * DAY


def write_history(conn: Connection) -> None:
    """Three days of two sites in two regions, some of it late, rolled up now and then, with away stretches.

    Of the first of them a leader of an earlier version told; later no beat was there, as far as the account is closed.
    """
    names, rnd = Names(), random.Random(5)
    start = this_hour() - timedelta(hours=HOURS)
    open_account(conn, start)
    slots = [start + step * 59 * MINUTE for step in range(HOURS)]
    for site in ("shop", "blog"):
        from_ms = to_ms(start)
        event = Started(site=site, region="default", at_ms=from_ms - 1, interval_ms=600_000, from_slot_ms=from_ms)
        write_notices(conn, names, [event])
    away = Away(region="default", from_ms=to_ms(start + 20 * 60 * MINUTE), until_ms=to_ms(start + 22 * 60 * MINUTE))
    reign = Reign(token=1, from_ms=to_ms(start), until_ms=to_ms(start + 40 * 60 * MINUTE))
    write_notices(conn, names, [away, reign])
    for step in range(HOURS - 1):
        window = slots if rnd.random() < 0.3 else slots[step : step + 10]
        write_batch(conn, names, batch_of(random_result(rnd, window) for _ in range(rnd.choice([1, 3, 40]))))
        if step % 9 == 0:
            roll_up(Steps(conn), start + step * 59 * MINUTE)
            close_account(conn, start + step * 58 * MINUTE)


template = template_filled_by(write_history)


DAMAGES = {
    "nothing": [],
    "hours deleted": [
        "DELETE FROM sitemon.count_hour WHERE site_id = 1",
        "DELETE FROM sitemon.latency_hour WHERE site_id = 1",
    ],
    "days deleted": [
        "DELETE FROM sitemon.count_day WHERE site_id = 1",
        "DELETE FROM sitemon.latency_day WHERE site_id = 1",
    ],
    "hours changed": ["UPDATE sitemon.count_hour SET up = up + 7", "UPDATE sitemon.latency_hour SET checks = 0"],
    "days changed": ["UPDATE sitemon.count_day SET down = 0", "UPDATE sitemon.latency_day SET checks = checks + 1"],
    "hours invented": [
        "INSERT INTO sitemon.count_hour SELECT hour_at, 99, region_id, 1, 1, 1, 1 FROM sitemon.count_hour LIMIT 1",
        "INSERT INTO sitemon.count_hour VALUES (date_trunc('hour', now()) + '1 hour', 1, 1, 1, 1, 1, 1)",
        "UPDATE sitemon.latency_hour SET hour_at = hour_at + '7 minutes'",
    ],
    "days invented": [
        "INSERT INTO sitemon.count_day VALUES (now()::date, 1, 1, 9, 9, 9, 9), (now()::date - 3, 98, 1, 9, 9, 9, 9)",
        "INSERT INTO sitemon.latency_day VALUES (now()::date, 1, 1, 9, 9)",
    ],
    "states deleted": ["DELETE FROM sitemon.current_state WHERE site_id = 1"],
    "states changed": [
        "UPDATE sitemon.current_state SET outcome = 'missed', since_at = since_at - '1 hour'::interval",
        "UPDATE sitemon.current_state SET slot_at = slot_at + '3 hours'::interval, http_code = 999, latency_s = 0",
        "UPDATE sitemon.current_state SET seen_slot_at = now(), seen_since_at = now(), seen_outcome = 'degraded'",
    ],
    "states invented": [
        "INSERT INTO sitemon.region (region_id, name) OVERRIDING SYSTEM VALUE VALUES (9, 'mars')",
        "INSERT INTO sitemon.current_state VALUES (now(), now(), now(), 1, 9, 1, 'scheduled', 'up')",
    ],
    "away hours changed": [
        "UPDATE sitemon.away_hour SET missed = 1",
        "DELETE FROM sitemon.away_hour WHERE site_id = 2",
    ],
}
DAMAGES["everything"] = [statement for statements in DAMAGES.values() for statement in statements]


@pytest.mark.parametrize("statements", DAMAGES.values(), ids=DAMAGES)
def test_whatever_was_done_to_rollups_and_states_a_rebuild_makes_them_as_they_were(
    conn: Connection, statements: list[str]
) -> None:
    before = checksums(conn)
    for statement in statements:
        assert execute(conn, statement) > 0, statement
    damaged = checksums(conn)
    assert (damaged == before) == (not statements)
    for _ in range(2):
        rebuilt = rebuild(conn, midnight(DAYS), nothing)
        assert rebuilt.states == 4
        assert checksums(conn) == before


def test_every_derived_table_has_something_to_be_damaged(conn: Connection) -> None:
    for table in DERIVED:
        assert rows(conn, f"SELECT count(*) FROM sitemon.{table}") > [(0,)], table  # noqa: S608 - our own names


def test_from_a_day_on_it_leaves_earlier_days_alone(conn: Connection) -> None:
    before = checksums(conn)
    touch = "UPDATE sitemon.count_hour SET up = up + 7 WHERE hour_at >= %s"
    execute(conn, touch, (midnight(2),))
    told: list[date] = []
    rebuild(conn, midnight(1) + timedelta(hours=3, minutes=5), told.append)
    assert told[:1] == [midnight(1).date()]
    assert checksums(conn) != before
    wrong = rows(conn, "SELECT min(hour_at), max(hour_at) FROM sitemon.count_hour WHERE up >= 7")
    assert midnight(2) <= wrong[0][0] <= wrong[0][1] < midnight(1)
    rebuild(conn, midnight(2), nothing)
    assert checksums(conn) == before


def test_it_refuses_to_begin_before_the_results_that_are_kept(conn: Connection) -> None:
    before = checksums(conn)
    oldest = DEFAULT_RETENTION.first_raw_day(clock.utc_now())
    with pytest.raises(FatalError) as caught:
        rebuild(conn, midnight(31), nothing)
    assert str(caught.value) == (f"results are kept from {oldest} on: a rebuild cannot begin on {oldest - DAY}")
    assert checksums(conn) == before
    rebuild(conn, midnight(30), nothing)


def results_for(rnd: random.Random) -> list[Result]:
    slots = [this_hour() - timedelta(hours=rnd.randrange(HOURS), minutes=rnd.randrange(60)) for _ in range(60)]
    return batch_of(random_result(rnd, slots) for _ in range(60))


def test_recorders_go_on_meanwhile(conn: Connection, another: Connection) -> None:
    is_over = threading.Event()
    rnd = random.Random(6)
    batches = 0
    errors: list[Exception] = []

    def record() -> None:
        nonlocal batches
        names = Names()
        try:
            while not is_over.is_set():
                write_batch(another, names, results_for(rnd))
                with suppress(LockTimeoutError):  # the next time, where others take long
                    roll_up(Steps(another), clock.utc_now() - timedelta(hours=max(0, HOURS - batches)))
                batches += 1
        except Exception as exc:  # noqa: BLE001 - shown by the test
            errors.append(exc)

    recorder = threading.Thread(target=record)
    recorder.start()
    for _ in range(3):
        before = batches
        rebuild(conn, midnight(DAYS), nothing)
        assert batches > before or errors
    is_over.set()
    recorder.join()
    assert errors == []
    recorded = checksums(conn)
    rebuild(conn, midnight(DAYS), nothing)
    assert checksums(conn) == recorded


def test_two_at_once_do_no_harm(conn: Connection, another: Connection) -> None:
    before = checksums(conn)
    execute(conn, "DELETE FROM sitemon.count_hour")
    second = threading.Thread(target=rebuild, args=(another, midnight(DAYS), nothing))
    second.start()
    rebuild(conn, midnight(DAYS), nothing)
    second.join()
    assert checksums(conn) == before


class BrokenOff(Exception):  # noqa: N818 - not an error
    """Somebody pressed Ctrl-C."""


def test_broken_off_it_can_be_done_again(conn: Connection) -> None:
    before = checksums(conn)
    execute(conn, "UPDATE sitemon.count_hour SET up = up + 7")

    def break_off(day: date) -> None:
        if day == midnight(2).date():
            raise BrokenOff

    with suppress(BrokenOff):
        rebuild(conn, midnight(DAYS), break_off)
    assert checksums(conn) != before
    rebuild(conn, midnight(DAYS), nothing)
    assert checksums(conn) == before


def test_days_whose_results_are_dropped_meanwhile_keep_their_rollups(conn: Connection, another: Connection) -> None:
    roll_up(Steps(conn), clock.utc_now() + DAY)
    daily = "SELECT day, site, region, up, down, missed FROM sitemon.uptime_daily ORDER BY 1, 2, 3"
    before = rows(conn, daily)

    def drop(day: date) -> None:
        if day == midnight(DAYS).date():
            maintain(another, DEFAULT_RETENTION, clock.utc_now() + 29 * DAY)

    rebuild(conn, midnight(DAYS), drop)
    assert rows(conn, "SELECT count(*) FROM sitemon.result WHERE slot_at < %s", (midnight(1),)) == [(0,)]
    assert rows(conn, daily) == before
