"""The ledger: what the schedule asks for, by arithmetic, against the rows that there are."""

from datetime import datetime, timedelta

from sitemon import clock
from sitemon.model.moment import to_ms
from sitemon.model.outcome import Reason
from sitemon.model.result import Kind
from sitemon.model.schedule import Away, Ended, Started
from sitemon.store.connect import Connection
from sitemon.store.names import Names
from sitemon.store.write import Change, write_batch
from tests.databases import dicts, execute, rows
from tests.results import MINUTE, a_missed, a_result, this_hour

LEDGER = """
SELECT hour_at, expected, real, missed, unaccounted, unexpected FROM sitemon.ledger ORDER BY site, region, hour_at
"""


def start() -> datetime:
    """Return a full hour long enough ago for all its slots to be due."""
    return this_hour() - timedelta(hours=5)


def schedule(conn: Connection, names: Names, *events: Change) -> None:
    write_batch(conn, names, [], events)


def started(minute: int, interval_s: int = 60, site: str = "shop", decided: int | None = None) -> Started:
    """The site's slots begin at a minute; that was `decided` then, by default half a minute before."""
    at = start() + (minute - 0.5 if decided is None else decided) * MINUTE
    first = start() + minute * MINUTE
    interval_ms = interval_s * 1000
    return Started(site=site, region="default", at_ms=to_ms(at), interval_ms=interval_ms, from_slot_ms=to_ms(first))


def ended(minute: float, site: str = "shop") -> Ended:
    """The site's slots before a minute were the last."""
    return Ended(site=site, region="default", at_ms=to_ms(start() + (minute - 0.5) * MINUTE))


def away(from_minute: float, until_minute: float, region: str = "default") -> Away:
    from_ms, until_ms = (to_ms(start() + minute * MINUTE) for minute in (from_minute, until_minute))
    return Away(region=region, from_ms=from_ms, until_ms=until_ms)


def results(conn: Connection, names: Names, minutes: range, missed: range = range(0)) -> None:
    batch = [a_result(slot_at=start() + minute * MINUTE) for minute in minutes if minute not in missed]
    batch += [a_missed(slot_at=start() + minute * MINUTE) for minute in missed]
    write_batch(conn, names, batch)


def ledger(conn: Connection) -> list[tuple[int, ...]]:
    """Return of each line: hours after the start, expected, real, missed, unaccounted, unexpected."""
    found = rows(conn, LEDGER)
    return [((hour_at - start()) // timedelta(hours=1), *numbers) for hour_at, *numbers in found]


def test_without_results_everything_due_is_unaccounted_for(conn: Connection, names: Names) -> None:
    schedule(conn, names, started(30), ended(90))
    assert ledger(conn) == [(0, 30, 0, 0, 30, 0), (1, 30, 0, 0, 30, 0)]


def test_real_and_missed_results_account_for_their_slots(conn: Connection, names: Names) -> None:
    schedule(conn, names, started(0), ended(60))
    results(conn, names, range(60), missed=range(10, 15))
    assert ledger(conn) == [(0, 60, 55, 5, 0, 0)]


def test_a_row_deleted_by_hand_shows(conn: Connection, names: Names) -> None:
    schedule(conn, names, started(0), ended(60))
    results(conn, names, range(60))
    assert execute(conn, "DELETE FROM sitemon.result WHERE slot_at = %s", (start() + 7 * MINUTE,)) == 1
    assert ledger(conn) == [(0, 60, 59, 0, 1, 0)]


def test_a_slot_is_due_once_its_interval_and_a_minute_have_passed(conn: Connection, names: Names) -> None:
    now = clock.utc_now()
    first = now - timedelta(minutes=10, seconds=30)
    event = Started(site="shop", region="default", at_ms=to_ms(first), interval_ms=60_000, from_slot_ms=to_ms(first))
    schedule(conn, names, event)
    # Due are those 10.5, 9.5 … 2.5 minutes old.
    assert sum(line[1] for line in ledger(conn)) == 9


def test_an_edit_counts_from_its_first_slot(conn: Connection, names: Names) -> None:
    schedule(conn, names, started(0), started(30, interval_s=600), ended(60))
    assert ledger(conn) == [(0, 33, 0, 0, 33, 0)]


def test_an_edit_that_is_edited_before_its_first_slot_never_was(conn: Connection, names: Names) -> None:
    schedule(conn, names, started(40, decided=1), started(20, interval_s=600, decided=2), ended(60))
    assert ledger(conn) == [(0, 4, 0, 0, 4, 0)]


def test_a_slot_at_the_moment_of_an_edit_belongs_to_what_was_before(conn: Connection, names: Names) -> None:
    schedule(conn, names, started(0), started(13, interval_s=600, decided=10), ended(60))
    assert ledger(conn) == [(0, 16, 0, 0, 16, 0)]


def test_the_schedule_s_events_may_come_again_and_in_any_order(conn: Connection, names: Names) -> None:
    events: list[Change] = [started(40, decided=1), started(20, interval_s=600, decided=2), started(30), ended(60)]
    schedule(conn, names, *events)
    once = dicts(conn, "SELECT * FROM sitemon.schedule_stretch")
    for event in (*reversed(events), *events):
        schedule(conn, names, event)
    assert dicts(conn, "SELECT * FROM sitemon.schedule_stretch") == once
    assert ledger(conn) == [(0, 31, 0, 0, 31, 0)]


def test_a_result_on_no_slot_of_the_schedule_is_unexpected(conn: Connection, names: Names) -> None:
    schedule(conn, names, started(0), ended(30))
    results(conn, names, range(31))
    write_batch(conn, names, [a_result(slot_at=start() + 0.5 * MINUTE)])
    assert ledger(conn) == [(0, 30, 30, 0, 0, 2)]


def test_only_scheduled_results_count(conn: Connection, names: Names) -> None:
    schedule(conn, names, started(0), ended(2))
    kinds = [Kind.ADHOC, Kind.MONITOR, Kind.CONFIRM]
    write_batch(conn, names, [a_result(slot_at=start(), kind=kind) for kind in kinds])
    assert ledger(conn) == [(0, 2, 0, 0, 2, 0)]


def test_slots_of_an_away_stretch_are_missed_without_rows(conn: Connection, names: Names) -> None:
    schedule(conn, names, started(0), ended(120))
    results(conn, names, range(50))
    schedule(conn, names, away(49, 80))
    results(conn, names, range(81, 120))
    assert ledger(conn) == [(0, 60, 50, 10, 0, 0), (1, 60, 39, 21, 0, 0)]


def test_a_result_in_an_away_stretch_counts_as_itself(conn: Connection, names: Names) -> None:
    schedule(conn, names, started(0), ended(60), away(-1, 60))
    results(conn, names, range(10), missed=range(5))
    assert ledger(conn) == [(0, 60, 5, 55, 0, 0)]


def test_away_stretches_that_overlap_count_once(conn: Connection, names: Names) -> None:
    schedule(conn, names, started(0), ended(60), away(-1, 30), away(10, 45), away(10, 20, region="asia"))
    assert ledger(conn) == [(0, 60, 0, 46, 14, 0)]


def test_uptime_counts_what_was_missed_in_an_away_stretch(conn: Connection, names: Names) -> None:
    schedule(conn, names, started(0), ended(60), away(29, 60))
    results(conn, names, range(30))
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
    query = "SELECT expected FROM sitemon.ledger_between(%s, %s)"
    assert rows(conn, query, (start() + 60 * MINUTE, start() + 120 * MINUTE)) == [(60,)]


def test_it_goes_back_no_further_than_the_rows(conn: Connection, names: Names) -> None:
    long_ago = clock.utc_now() - timedelta(days=400)
    from_ms = to_ms(long_ago)
    event = Started(site="shop", region="default", at_ms=from_ms, interval_ms=3_600_000, from_slot_ms=from_ms)
    schedule(conn, names, event, ended(0), Away(region="default", from_ms=from_ms, until_ms=to_ms(start())))
    (first,) = rows(conn, "SELECT min(hour_at), sum(unaccounted) FROM sitemon.ledger")
    raw_from = rows(conn, "SELECT raw_from_at FROM sitemon.watermark")[0][0]
    assert first[0] - raw_from < timedelta(hours=1)
    assert first[1] == 0


def test_a_reason_of_a_missed_result_is_shown(conn: Connection, names: Names) -> None:
    write_batch(conn, names, [a_missed(reason=Reason.BEAT_DOWN)])
    assert rows(conn, "SELECT reason FROM sitemon.site_status") == [("beat_down",)]


def test_a_site_that_ended_is_marked_in_the_status(conn: Connection, names: Names) -> None:
    schedule(conn, names, started(0))
    results(conn, names, range(3))
    assert rows(conn, "SELECT is_ended FROM sitemon.site_status") == [(False,)]
    schedule(conn, names, ended(3))
    assert rows(conn, "SELECT is_ended FROM sitemon.site_status") == [(True,)]
