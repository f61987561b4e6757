"""Where no beat was for long, missed slots are counted, and have no rows; what comes late mends that."""

from datetime import timedelta
from itertools import pairwise

import pytest

from sitemon import clock
from sitemon.model.moment import to_ms
from sitemon.store import dark_stretches
from sitemon.store.account import close, count_away_hours, light
from sitemon.store.connect import Connection
from sitemon.store.names import Names
from sitemon.store.roll_up import roll_up
from sitemon.store.schedule import write_notices
from sitemon.store.steps import Steps
from sitemon.store.write import write_batch
from tests.databases import close_account, execute, open_account, rows
from tests.integration.store.conftest import WriteNotices
from tests.integration.store.events import PATIENCE_S, at, at_ms, ended, reign, started
from tests.integration.store.seen import counts, derived, reasons, state
from tests.results import a_down, a_missed, a_result

PATIENCE = timedelta(seconds=PATIENCE_S)


@pytest.fixture(autouse=True)
def _account(conn: Connection) -> None:
    """The account begins a minute before the hour of the events, and nobody has closed any of it."""
    open_account(conn, at(-1))


def test_where_no_beat_was_for_more_than_ten_minutes_slots_are_counted_and_have_no_rows(
    conn: Connection, write: WriteNotices
) -> None:
    write(reign(-60, 20.5), reign(90.5, 300, token=2), started(0), ended(120))
    close_account(conn, clock.utc_now())
    assert derived(conn) == [*range(31), *range(91, 120)]
    assert counts(conn) == [(0, 120), (0, 120), (120, 120, 0, 0)]
    query = "SELECT hour_at, missed FROM sitemon.away_hour ORDER BY 1"
    assert rows(conn, query) == [(at(0), 29), (at(60), 31)]
    lost = "SELECT sum(lost) FROM sitemon.ledger"
    assert rows(conn, lost) == [(21 + 29,)]


@pytest.mark.parametrize(("gap_minutes", "without_row"), [(10, 0), (10.1, 0), (11, 1), (30, 20)])
def test_a_gap_of_ten_minutes_has_a_row_for_each_slot(
    conn: Connection, write: WriteNotices, gap_minutes: float, without_row: int
) -> None:
    write(reign(-60, 20.7), reign(20.7 + gap_minutes, 300, token=2), started(0), ended(60))
    close_account(conn, clock.utc_now())
    assert len(derived(conn)) == 60 - without_row
    assert counts(conn) == [(0, 60), (0, 60), (60, 60, 0, 0)]


def test_a_stop_that_goes_on_is_counted_as_far_as_the_account_is_closed(conn: Connection, write: WriteNotices) -> None:
    write(reign(-60, 20.5), started(0))
    for minute in range(0, 200, 9):
        close_account(conn, at(minute) + PATIENCE)
        assert counts(conn)[2] == (minute + 1, minute + 1, 0, 0)
    close_account(conn, at(220) + PATIENCE)
    assert counts(conn)[0] == (0, 221)
    assert derived(conn) == list(range(31))


def test_a_result_in_a_dark_stretch_is_taken_out_of_what_was_counted(
    conn: Connection, names: Names, write: WriteNotices
) -> None:
    write(reign(-60, -40), started(0), ended(60))
    write_batch(conn, names, [a_result(slot_at=at(13))])
    close_account(conn, clock.utc_now())
    assert counts(conn) == [(1, 59), (1, 59), (60, 59, 0, 0)]
    write_batch(conn, names, [a_result(slot_at=at(14)), a_missed(slot_at=at(15))])
    assert counts(conn) == [(2, 58), (2, 58), (60, 58, 0, 0)]
    assert rows(conn, "SELECT sum(missed) FROM sitemon.away_hour") == [(48,)]


@pytest.mark.parametrize("is_rolled_up", [False, True], ids=["open", "rolled up"])
def test_a_late_reign_makes_rows_of_what_was_counted_and_gives_the_right_reasons(
    conn: Connection, names: Names, write: WriteNotices, is_rolled_up: bool
) -> None:
    write(started(0), ended(100))
    write_batch(conn, names, [a_down(slot_at=at(minute)) for minute in (0, 50)])
    close_account(conn, clock.utc_now())
    if is_rolled_up:
        roll_up(Steps(conn), clock.utc_now())
    before = counts(conn)
    assert derived(conn) == list(range(1, 9))
    write(reign(-60, 120))
    assert derived(conn) == [minute for minute in range(100) if minute not in (0, 50)]
    assert reasons(conn) == ["lost"]
    assert counts(conn) == before
    assert state(conn) == [("missed", at(51), at(99), "lost", at(50))]


def test_a_late_reign_that_covers_a_part_moves_what_is_dark(conn: Connection, write: WriteNotices) -> None:
    write(started(0), ended(100))
    close_account(conn, clock.utc_now())
    write(reign(20.5, 30.5))
    assert derived(conn) == [*range(9), *range(21, 41)], "what it covers, and ten minutes after it"
    assert counts(conn)[2] == (100, 100, 0, 0)
    by_reason = "SELECT reason, count(*) FROM sitemon.results GROUP BY 1 ORDER BY 1"
    assert rows(conn, by_reason) == [("beat_down", 19), ("lost", 10)]
    write(reign(50.5, 52.5, token=2))
    assert derived(conn) == [*range(9), *range(21, 41), *range(51, 63)]
    assert counts(conn) == [(0, 100), (0, 100), (100, 100, 0, 0)]


def test_reasons_are_corrected_by_a_late_reign_also_in_the_state(conn: Connection, write: WriteNotices) -> None:
    write(reign(-60, -1), started(0), ended(8))
    close_account(conn, clock.utc_now())
    assert (reasons(conn), state(conn)[0][3]) == (["beat_down"], "beat_down")
    write(reign(-60, 4.5))
    assert reasons(conn) == ["beat_down", "lost"]
    assert rows(conn, "SELECT count(*) FROM sitemon.results WHERE reason = 'lost'") == [(5,)]
    assert state(conn)[0][3] == "beat_down"
    write(reign(-60, 10))
    assert (reasons(conn), state(conn)[0][3]) == (["lost"], "lost")


def test_a_reign_that_is_told_in_another_order_is_as_long(conn: Connection, write: WriteNotices) -> None:
    write(reign(-60, 30), reign(-60, 10), started(0), ended(20))
    write(reign(-60, 5))
    close_account(conn, clock.utc_now())
    assert rows(conn, "SELECT from_ms, until_ms FROM sitemon.reign") == [(at_ms(-60), at_ms(30))]
    assert reasons(conn) == ["lost"]


def test_a_region_that_is_new_lies_in_what_is_dark_as_the_others_do(conn: Connection, write: WriteNotices) -> None:
    write(started(0), ended(60))
    close_account(conn, clock.utc_now())
    write(started(0, site="far", region="asia"))
    assert derived(conn) == sorted([*range(9), *range(9)])
    asked = (
        "SELECT sum(expected) > 60, sum(expected - missed), sum(unaccounted) FROM sitemon.ledger WHERE region = 'asia'"
    )
    assert rows(conn, asked) == [(True, 0, 0)]


def test_a_region_that_is_new_may_come_with_a_late_reign(conn: Connection, write: WriteNotices) -> None:
    write(started(0), ended(60))
    close_account(conn, clock.utc_now())
    write(reign(-60, 90), started(0, site="far", region="asia"))
    assert rows(conn, "SELECT count(*) FROM sitemon.results WHERE site = 'shop'") == [(60,)]
    assert rows(conn, "SELECT sum(unaccounted) FROM sitemon.ledger") == [(0,)]


def test_a_region_that_is_new_and_begins_later_lies_in_what_is_dark_without_end(
    conn: Connection, write: WriteNotices
) -> None:
    write(started(0))
    close_account(conn, at(60))
    write(started(100, site="far", region="asia"))
    close_account(conn, at(200) + PATIENCE)
    asked = "SELECT sum(expected), sum(derived), sum(unaccounted) FROM sitemon.ledger WHERE region = 'asia'"
    assert rows(conn, asked) == [(101, 101, 0)]


KEPT = "SELECT region_id, from_ms, until_ms, xmin::text FROM sitemon.away ORDER BY 1, 2"


def test_where_a_region_is_new_what_is_dark_is_written_for_it_alone(conn: Connection, write: WriteNotices) -> None:
    write(reign(-60, 20.5), reign(90.5, 300, token=2), started(0), ended(120))
    close_account(conn, clock.utc_now())
    before = rows(conn, KEPT)
    write(started(0, site="far", region="asia"))
    after = rows(conn, KEPT)
    assert after[: len(before)] == before
    assert [row[1:3] for row in after[len(before) :]] == [row[1:3] for row in before]


def test_for_a_region_that_only_results_name_nothing_is_kept_of_what_is_dark(
    conn: Connection, names: Names, write: WriteNotices
) -> None:
    write(reign(-60, 20.5), started(0))
    close_account(conn, at(60))
    before = rows(conn, KEPT)
    write_batch(conn, names, [a_result(slot_at=at(50), region="asia")])
    write(reign(90.5, 92, token=2))
    close_account(conn, at(200))
    assert {row[0] for row in rows(conn, KEPT)} == {row[0] for row in before}


def test_of_very_many_regions_the_oldest_have_what_is_dark(
    conn: Connection, write: WriteNotices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dark_stretches, "_MOST_REGIONS", 2)
    write(started(0))
    write(started(0, site="far", region="asia"))
    write(*(started(0, site="forged", region=f"region-{number}") for number in range(5)))
    close_account(conn, at(200))
    kept = "SELECT region.name FROM sitemon.away JOIN sitemon.region USING (region_id) ORDER BY region_id"
    assert rows(conn, kept) == [("default",), ("asia",)]


def test_the_hours_of_days_off_are_counted_a_few_at_a_time(conn: Connection, write: WriteNotices) -> None:
    from_at = at(-40 * 60)
    open_account(conn, from_at)
    write(started(-40 * 60, 600))
    close(conn, to_ms(clock.utc_now()))
    turns = 0
    while count_away_hours(conn):
        turns += 1
    assert 40 / 6 < turns < 12
    missed = "SELECT sum(missed) FROM sitemon.{}"
    assert rows(conn, missed.format("uptime_hourly")) == rows(conn, missed.format("ledger"))


def test_what_is_kept_of_a_dark_stretch_is_not_written_again(conn: Connection, write: WriteNotices) -> None:
    write(reign(-60, 20.5), reign(90.5, 300, token=2), started(0), ended(120))
    close_account(conn, clock.utc_now())
    before = rows(conn, KEPT)
    assert before[0][2] == at_ms(90.5) - 1
    write(reign(-60, 20.5))
    assert rows(conn, KEPT) == before


def test_once_a_beat_is_back_nothing_after_it_is_dark(conn: Connection, names: Names, write: WriteNotices) -> None:
    write(reign(-60, -5), started(0))
    close_account(conn, at(60))
    write_notices(conn, names, [reign(30.5, 300, token=2)])
    while light(conn, 60_000):
        pass
    dark = "SELECT from_ms, until_ms FROM sitemon.away WHERE is_derived"
    assert rows(conn, dark) == [(at_ms(9) - 1, at_ms(30.5) - 1)]
    assert derived(conn) == [*range(9), *range(31, 60)]


DARK = "SELECT from_ms + 1, until_ms + 1 FROM sitemon.away WHERE is_derived ORDER BY 1"


def test_what_reigns_say_of_time_of_which_no_rows_are_kept_is_not_looked_at(conn: Connection, names: Names) -> None:
    open_account(conn, at(-48 * 60))
    raw_from = -5 * 60
    execute(conn, "UPDATE sitemon.watermark SET raw_from_at = %s", (at(raw_from),))
    write_notices(conn, names, [reign(-60, 500), started(0), ended(20)])
    close_account(conn, clock.utc_now())
    before = [(at_ms(raw_from), at_ms(-60))]
    assert rows(conn, DARK) == before
    write_notices(conn, names, [reign(minute, minute, token=-minute) for minute in range(raw_from - 11, -47 * 60, -11)])
    assert not light(conn, 60_000)
    assert rows(conn, DARK) == before
    write_notices(conn, names, [reign(raw_from - 8, raw_from - 1, token=2)])
    while light(conn, 60_000):
        pass
    assert rows(conn, DARK) == [(at_ms(raw_from + 9) + 1, at_ms(-60))], "but for the ten minutes after it"


def test_what_is_dark_is_kept_as_far_as_rows_are(conn: Connection, write: WriteNotices) -> None:
    write(reign(120, 500), started(0), ended(150))
    close_account(conn, clock.utc_now())
    assert rows(conn, DARK) == [(at_ms(9), at_ms(120))]
    execute(conn, "UPDATE sitemon.watermark SET raw_from_at = %s", (at(60),))
    write(reign(110, 120, token=2))
    assert rows(conn, DARK) == [(at_ms(60), at_ms(110))]


def test_many_reigns_in_what_was_dark_are_looked_at_together(conn: Connection, names: Names) -> None:
    write_notices(conn, names, [reign(-60, -5), started(0), ended(200)])
    close_account(conn, at(240))
    assert derived(conn) == list(range(9))
    write_notices(conn, names, [reign(minute, minute, token=minute) for minute in range(20, 200, 20)])
    assert light(conn, 100 * 60_000), "up to minute 120"
    assert derived(conn)[-1] == 110
    assert not light(conn, 100 * 60_000)
    lit = [minute for minute in range(20, 200) if minute % 20 <= 10]
    assert derived(conn) == [*range(9), *lit]
    assert counts(conn)[2] == (200, 200, 0, 0)
    spans = rows(conn, DARK)
    assert all(before[1] < after[0] for before, after in pairwise(spans))


def test_of_thousands_of_away_stretches_only_those_beside_the_slots_are_looked_at(
    conn: Connection, write: WriteNotices
) -> None:
    write(reign(-60, 300), *(started(20, site=f"site-{number}") for number in range(1_000)))
    close(conn, at_ms(20))
    execute(
        conn,
        "INSERT INTO sitemon.away (region_id, from_ms, until_ms) "
        "SELECT region_id, %s - 3 * number, %s - 3 * number "
        "FROM sitemon.region CROSS JOIN generate_series(1, 20000) AS number",
        (at_ms(0), at_ms(0) + 1),
    )
    began_s = clock.monotonic_s()
    assert close(conn, at_ms(21)) == 1_000
    assert clock.monotonic_s() - began_s < 20
