"""The ledger: what the schedule asks for, by arithmetic, against the rows there are, as far as the account goes."""

from datetime import datetime, timedelta

import pytest

from sitemon import clock
from sitemon.model.moment import to_ms
from sitemon.model.outcome import Outcome, Reason
from sitemon.model.result import Kind, Result
from sitemon.model.schedule import Away, Started
from sitemon.store.connect import Connection
from sitemon.store.names import Names
from sitemon.store.read import read_ledger
from sitemon.store.schedule import Notice, write_notices
from sitemon.store.write import write_batch
from tests.databases import close_account, dicts, execute, open_account, rows
from tests.integration.store.events import PATIENCE_S, away, ended, reign, start, started
from tests.results import MINUTE, a_missed, a_result

LEDGER = """
SELECT hour_at, expected, real, told, derived, unaccounted, unexpected
FROM sitemon.ledger
ORDER BY site, region, hour_at
"""


@pytest.fixture(autouse=True)
def _account(conn: Connection) -> None:
    open_account(conn, start() - timedelta(hours=1))


def schedule(conn: Connection, names: Names, *notices: Notice) -> None:
    write_notices(conn, names, notices)


def results(conn: Connection, names: Names, minutes: range, missed: range = range(0)) -> None:
    batch = [a_result(slot_at=start() + minute * MINUTE) for minute in minutes if minute not in missed]
    batch += [a_missed(slot_at=start() + minute * MINUTE) for minute in missed]
    write_batch(conn, names, batch)


def ledger(conn: Connection, closed_at: datetime | None = None) -> list[tuple[int, ...]]:
    """Close the account; return of each line: hours after the start, and the counts as `LEDGER` has them."""
    close_account(conn, closed_at or clock.utc_now())
    found = rows(conn, LEDGER)
    return [((hour_at - start()) // timedelta(hours=1), *numbers) for hour_at, *numbers in found]


def test_without_results_everything_that_is_due_is_derived(conn: Connection, names: Names) -> None:
    schedule(conn, names, started(30), ended(90))
    assert ledger(conn) == [(0, 30, 0, 0, 30, 0, 0), (1, 30, 0, 0, 30, 0, 0)]


def test_real_and_told_results_account_for_their_slots(conn: Connection, names: Names) -> None:
    schedule(conn, names, started(0), ended(60))
    results(conn, names, range(60), missed=range(10, 15))
    assert ledger(conn) == [(0, 60, 55, 5, 0, 0, 0)]


def test_each_slot_is_real_or_told_or_derived(conn: Connection, names: Names) -> None:
    schedule(conn, names, started(0), ended(60))
    results(conn, names, range(20, 50), missed=range(30, 35))
    assert ledger(conn) == [(0, 60, 25, 5, 30, 0, 0)]
    results(conn, names, range(18, 22), missed=range(52, 54))
    assert ledger(conn) == [(0, 60, 27, 7, 26, 0, 0)]


def test_those_are_lost_that_a_reign_covers(conn: Connection, names: Names) -> None:
    schedule(conn, names, reign(-30, 120), started(0), ended(60))
    results(conn, names, range(60), missed=range(10, 15))
    execute(conn, "DELETE FROM sitemon.result WHERE slot_at < %s", (start() + 3 * MINUTE,))
    results(conn, names, range(0))
    close_account(conn, clock.utc_now())
    ((lost, derived, missed),) = rows(conn, "SELECT lost, derived, missed FROM sitemon.ledger")
    assert (lost, derived, missed) == (3, 3, 8)


def test_a_row_deleted_by_hand_shows(conn: Connection, names: Names) -> None:
    schedule(conn, names, reign(-60, 120), started(0), ended(60))
    results(conn, names, range(60))
    assert ledger(conn) == [(0, 60, 60, 0, 0, 0, 0)]
    assert execute(conn, "DELETE FROM sitemon.result WHERE slot_at = %s", (start() + 7 * MINUTE,)) == 1
    assert ledger(conn) == [(0, 60, 59, 0, 0, 1, 0)]


def test_a_slot_counts_once_the_account_is_closed_beyond_its_patience(conn: Connection, names: Names) -> None:
    schedule(conn, names, started(0), ended(60))
    results(conn, names, range(60))
    last = start() + 30 * MINUTE + timedelta(seconds=PATIENCE_S)
    assert ledger(conn, last - timedelta(milliseconds=1)) == [(0, 30, 30, 0, 0, 0, 0)]
    assert ledger(conn, last) == [(0, 31, 31, 0, 0, 0, 0)]


def test_a_site_that_may_hang_for_long_is_waited_for_and_others_are_not(conn: Connection, names: Names) -> None:
    schedule(conn, names, started(0, interval_s=30, patience_s=162), started(0, 30, "blog", patience_s=62))
    assert ledger(conn, start() + 10 * MINUTE) == [(0, 18, 0, 0, 18, 0, 0), (0, 15, 0, 0, 15, 0, 0)]


def test_nothing_of_before_the_account_counts(conn: Connection, names: Names) -> None:
    open_account(conn, start() + 30 * MINUTE)
    schedule(conn, names, started(0), ended(60))
    results(conn, names, range(25, 50))
    assert ledger(conn) == [(0, 30, 20, 0, 10, 0, 0)]


def test_an_edit_counts_from_its_first_slot(conn: Connection, names: Names) -> None:
    schedule(conn, names, started(0), started(30, interval_s=600), ended(60))
    assert ledger(conn) == [(0, 33, 0, 0, 33, 0, 0)]


def test_an_edit_that_is_edited_before_its_first_slot_never_was(conn: Connection, names: Names) -> None:
    schedule(conn, names, started(40, said=1), started(20, interval_s=600, said=2), ended(60))
    assert ledger(conn) == [(0, 4, 0, 0, 4, 0, 0)]


def test_a_slot_at_the_moment_of_an_edit_belongs_to_what_was_before(conn: Connection, names: Names) -> None:
    schedule(conn, names, started(0), started(13, interval_s=600, said=10), ended(60))
    assert ledger(conn) == [(0, 16, 0, 0, 16, 0, 0)]


def test_slots_that_a_new_leader_sends_late_are_expected_too(conn: Connection, names: Names) -> None:
    schedule(conn, names, started(0), started(10, interval_s=90, said=15), ended(60))
    # Every minute up to 15, and from 10 on every minute and a half: 10 and 13 are of both.
    assert ledger(conn) == [(0, 16 + 34 - 2, 0, 0, 48, 0, 0)]


@pytest.mark.parametrize("is_at_once", [True, False])
def test_slots_that_were_left_out_are_not_expected(conn: Connection, names: Names, is_at_once: bool) -> None:
    events = [started(0), started(10, said=5.5)]
    for part in [events] if is_at_once else [[event] for event in events]:
        schedule(conn, names, *part)
    assert ledger(conn, start() + 20 * MINUTE) == [(0, 6 + 10, 0, 0, 16, 0, 0)]


def test_the_schedule_s_events_may_come_again_and_in_any_order(conn: Connection, names: Names) -> None:
    events: list[Notice] = [started(40, said=1), started(20, interval_s=600, said=2), started(30), ended(60)]
    schedule(conn, names, *events)
    once = dicts(conn, "SELECT * FROM sitemon.schedule_stretch")
    for event in (*reversed(events), *events):
        schedule(conn, names, event)
    assert dicts(conn, "SELECT * FROM sitemon.schedule_stretch") == once
    assert ledger(conn) == [(0, 31, 0, 0, 31, 0, 0)]


def test_a_result_on_no_slot_of_the_schedule_is_unexpected(conn: Connection, names: Names) -> None:
    schedule(conn, names, started(0), ended(30))
    results(conn, names, range(31))
    write_batch(conn, names, [a_result(slot_at=start() + 0.5 * MINUTE)])
    assert ledger(conn) == [(0, 30, 30, 0, 0, 0, 2)]


def test_a_result_that_came_before_the_event_that_asks_for_it_is_not_called_unexpected(
    conn: Connection, names: Names
) -> None:
    results(conn, names, range(2))
    assert ledger(conn, start() - MINUTE) == []
    schedule(conn, names, started(0), ended(2))
    assert ledger(conn) == [(0, 2, 2, 0, 0, 0, 0)]


def test_only_scheduled_results_count(conn: Connection, names: Names) -> None:
    schedule(conn, names, started(0), ended(2))
    kinds = [Kind.ADHOC, Kind.MONITOR, Kind.CONFIRM]
    write_batch(conn, names, [a_result(slot_at=start(), kind=kind) for kind in kinds])
    assert ledger(conn) == [(0, 2, 0, 0, 2, 0, 0)]


def test_slots_of_an_away_stretch_are_missed_without_rows(conn: Connection, names: Names) -> None:
    schedule(conn, names, reign(-60, 180), started(0), ended(120))
    results(conn, names, range(50))
    schedule(conn, names, away(49, 80))
    results(conn, names, range(81, 120))
    assert ledger(conn) == [(0, 60, 50, 0, 10, 0, 0), (1, 60, 39, 0, 21, 0, 0)]
    assert rows(conn, "SELECT count(*) FROM sitemon.results") == [(89,)]


def test_a_result_in_an_away_stretch_counts_as_itself(conn: Connection, names: Names) -> None:
    schedule(conn, names, reign(-60, 180), started(0), ended(60), away(-1, 60))
    results(conn, names, range(10), missed=range(5))
    assert ledger(conn) == [(0, 60, 5, 5, 50, 0, 0)]


def test_away_stretches_that_overlap_count_once(conn: Connection, names: Names) -> None:
    schedule(conn, names, reign(-60, 180), started(0), ended(60))
    schedule(conn, names, away(-1, 30), away(10, 45), away(10, 20, region="asia"))
    assert ledger(conn) == [(0, 60, 0, 0, 60, 0, 0)]
    assert rows(conn, "SELECT count(*) FROM sitemon.results") == [(14,)]


def test_an_away_stretch_of_before_the_account_counts_from_its_beginning(conn: Connection, names: Names) -> None:
    open_account(conn, start() + 30 * MINUTE)
    schedule(conn, names, reign(30, 180), started(0), ended(60), away(9, 44))
    assert ledger(conn) == [(0, 30, 0, 0, 30, 0, 0)]
    assert rows(conn, "SELECT count(*) FROM sitemon.results") == [(15,)]


def test_uptime_counts_what_was_missed_in_an_away_stretch(conn: Connection, names: Names) -> None:
    schedule(conn, names, reign(-60, 180), started(0), ended(60), away(29, 60))
    results(conn, names, range(30))
    close_account(conn, clock.utc_now())
    assert rows(conn, "SELECT up, missed, coverage, uptime_low FROM sitemon.uptime_hourly") == [(30, 30, 0.5, 0.5)]
    # A late result takes its slot out of the missed ones.
    results(conn, names, range(40, 41))
    assert rows(conn, "SELECT up, missed FROM sitemon.uptime_hourly") == [(31, 29)]
    # So does a schedule that is found to have ended before.
    schedule(conn, names, ended(45))
    assert rows(conn, "SELECT up, missed FROM sitemon.uptime_hourly") == [(31, 14)]
    assert rows(conn, "SELECT sum(missed) FROM sitemon.uptime_daily") == [(14,)]


def test_a_range_of_hours_can_be_asked_for(conn: Connection, names: Names) -> None:
    schedule(conn, names, started(0), ended(180))
    close_account(conn, clock.utc_now())
    query = "SELECT expected, derived FROM sitemon.ledger_between(%s, %s)"
    assert rows(conn, query, (start() + 60 * MINUTE, start() + 120 * MINUTE)) == [(60, 60)]
    assert rows(conn, query, (start() + 60 * MINUTE, start() + 105 * MINUTE)) == [(45, 45)], "also of a part of one"


def test_it_goes_back_no_further_than_the_rows(conn: Connection, names: Names) -> None:
    long_ago = clock.utc_now() - timedelta(days=45)
    open_account(conn, long_ago)
    from_ms = to_ms(long_ago)
    event = Started(site="shop", region="default", at_ms=from_ms, interval_ms=3_600_000, from_slot_ms=from_ms)
    schedule(conn, names, event, ended(0), Away(region="default", from_ms=from_ms, until_ms=to_ms(start())))
    close_account(conn, clock.utc_now())
    (first,) = rows(conn, "SELECT min(hour_at), sum(unaccounted) FROM sitemon.ledger")
    raw_from = rows(conn, "SELECT raw_from_at FROM sitemon.watermark")[0][0]
    assert first[0] - raw_from < timedelta(hours=1)
    assert first[1] == 0


@pytest.mark.parametrize("outcome", [Outcome.UP, Outcome.DEGRADED, Outcome.DOWN])
def test_what_was_found_does_not_matter(conn: Connection, names: Names, outcome: Outcome) -> None:
    schedule(conn, names, started(0), ended(1))
    write_batch(conn, names, [a_result(slot_at=start(), outcome=outcome)])
    assert ledger(conn) == [(0, 1, 1, 0, 0, 0, 0)]


def test_commands_read_it_with_what_is_even_and_what_is_not(conn: Connection, names: Names) -> None:
    schedule(conn, names, reign(-60, 180), started(0), ended(3))
    worker_lost: list[Result] = [a_missed(slot_at=start() + MINUTE, reason=Reason.WORKER_LOST)]
    write_batch(conn, names, [a_result(slot_at=start()), *worker_lost])
    close_account(conn, clock.utc_now())
    (hour,) = read_ledger(conn, start() - timedelta(hours=1), clock.utc_now())
    assert hour._asdict() == {
        "site": "shop",
        "region": "default",
        "hour_at": start(),
        "expected": 3,
        "real": 1,
        "told": 1,
        "derived": 1,
        "lost": 1,
        "unaccounted": 0,
        "unexpected": 0,
    }
    assert hour.is_even
    execute(conn, "DELETE FROM sitemon.result WHERE is_derived")
    (uneven,) = read_ledger(conn, start() - timedelta(hours=1), clock.utc_now())
    assert (uneven.unaccounted, uneven.is_even) == (1, False)
