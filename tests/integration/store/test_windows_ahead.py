"""What lies ahead is bounded, and a change of windows leaves alone what lies outside of it."""

import random
from datetime import datetime, timedelta
from typing import Final

import pytest

from sitemon import clock
from sitemon.model.errors import FatalError
from sitemon.store import maintenance_windows as module
from sitemon.store.connect import Connection
from sitemon.store.maintenance_windows import Declaration, declare, stop
from sitemon.store.names import Names
from tests.databases import execute, looks_at, rows
from tests.results import MINUTE, this_hour

DAY: Final = timedelta(days=1)
HOUR: Final = timedelta(hours=1)
SITES: Final = [f"site-{number}" for number in range(20)]

FOUND: Final = "SELECT site_id, from_at, until_at FROM sitemon.maintenance_stretch ORDER BY site_id, from_at"
EXPECTED: Final = """
SELECT site_id, lower(merged), upper(merged)
FROM (
    SELECT site_id, unnest(range_agg(tstzrange(from_at, until_at))) AS merged
    FROM sitemon.maintenance_window
    GROUP BY site_id
) AS pieces
ORDER BY 1, 2
"""
WRITTEN: Final = "SELECT xmin::text, from_at, until_at FROM sitemon.maintenance_stretch ORDER BY site_id, from_at"
OVER: Final = """
INSERT INTO sitemon.maintenance_window (maintenance_id, site_id, from_at, until_at)
SELECT 1000 + number, site_id, %(at)s, %(at)s FROM sitemon.site CROSS JOIN generate_series(1, 200) AS number
"""
MOVED: Final = """
UPDATE sitemon.maintenance_window SET from_at = %(at)s, until_at = %(at)s WHERE maintenance_id = %(number)s
"""
STATES: Final = "SELECT state, count(*) FROM sitemon.maintenance GROUP BY state ORDER BY state"


@pytest.fixture(autouse=True)
def sites(conn: Connection, names: Names) -> None:
    with conn, conn.cursor() as cursor:
        names.sites(cursor, SITES)


def at(hours: float) -> datetime:
    return this_hour() + hours * HOUR


def window(conn: Connection, first: float, last: float, *names: str) -> int:
    """Declare a window of sites from hour to hour; those before now are over."""
    return declare(conn, Declaration(at(first), at(last), names or SITES)).maintenance_id


def withdraw(conn: Connection, number: int) -> None:
    assert stop(conn, number, clock.utc_now(), withdraw=True)


def test_stretches_outside_of_a_change_stay_as_they_are(conn: Connection) -> None:
    for day in (-3, -2, 2, 3, 4):
        window(conn, 24 * day, 24 * day + 1)
    before = rows(conn, WRITTEN)
    number = window(conn, 1, 20)
    assert len(rows(conn, WRITTEN)) == len(before) + len(SITES)
    withdraw(conn, number)
    assert rows(conn, WRITTEN) == before


def test_in_any_order_stretches_are_what_all_windows_come_to(conn: Connection) -> None:
    chance, numbers = random.Random(7), list[int]()
    for _ in range(60):
        if numbers and chance.random() < 0.4:
            withdraw(conn, numbers.pop(chance.randrange(len(numbers))))
        else:
            first = chance.randint(-12, 12)
            numbers.append(window(conn, first, first + chance.choice((1, 2, 9)), *chance.sample(SITES[:3], k=2)))
        assert rows(conn, FOUND) == rows(conn, EXPECTED)


def test_a_window_ends_at_most_400_days_ahead(conn: Connection) -> None:
    for first_day in (398.5, 399.5, 36_000.0):
        with pytest.raises(FatalError, match="in more than 400 days"):
            window(conn, 24 * first_day, 24 * first_day + 48, "site-1")
    window(conn, 24 * 398, 24 * 399, "site-1")
    assert rows(conn, STATES) == [("planned", 1)]


def test_of_a_site_a_hundred_are_not_over_and_who_ends_one_may_declare_another(conn: Connection) -> None:
    for hour in range(-5, 0):
        window(conn, hour - 1, hour, "site-1")
    numbers = [window(conn, hour, hour + 1, "site-1") for hour in range(3, 103)]
    with pytest.raises(FatalError, match="100 windows of site site-1 are not over"):
        window(conn, 300, 301, "site-2", "site-1")
    window(conn, 300, 301, "site-2")
    withdraw(conn, numbers[7])
    window(conn, 300, 301, "site-1")
    assert rows(conn, STATES) == [("over", 5), ("planned", 101), ("withdrawn", 1)]


@pytest.mark.parametrize("is_withdrawn", [True, False])
def test_one_that_never_begins_does_not_lie_ahead(conn: Connection, *, is_withdrawn: bool) -> None:
    number = window(conn, 24, 25, "site-1")
    assert stop(conn, number, clock.utc_now(), withdraw=is_withdrawn)
    [(from_at, until_at, state)] = rows(conn, "SELECT from_at, until_at, state FROM sitemon.maintenance")
    assert from_at == until_at <= clock.utc_now()
    assert (state, rows(conn, FOUND)) == ("withdrawn", [])
    assert not stop(conn, number, clock.utc_now(), withdraw=is_withdrawn)


def test_one_that_was_over_a_year_before_the_oldest_results_is_dropped_with_the_next_change(conn: Connection) -> None:
    kept, old, of_another = (window(conn, -1, 0, name) for name in ("site-1", "site-1", "site-2"))
    [(raw_from_at,)] = rows(conn, "SELECT raw_from_at FROM sitemon.watermark")
    for number, days in ((kept, 364), (old, 367), (of_another, 367)):
        execute(conn, MOVED, {"at": raw_from_at - days * DAY, "number": number})
    new = window(conn, 1, 2, "site-1")
    numbers = rows(conn, "SELECT maintenance_id FROM sitemon.maintenance ORDER BY 1")
    assert numbers == [(kept,), (of_another,), (new,)]


def test_to_withdraw_a_window_of_many_sites_reads_each_a_few_times(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SITES_AT_ONCE", 1)
    assert execute(conn, OVER, {"at": at(-100)}) == 200 * len(SITES)
    execute(conn, "ANALYZE sitemon.maintenance_window")
    number = window(conn, -1, 1)
    before = looks_at(conn, "maintenance_window")
    withdraw(conn, number)
    assert looks_at(conn, "maintenance_window") - before < 10 * len(SITES)


def test_what_touches_a_window_is_one_stretch_with_it(conn: Connection) -> None:
    window(conn, 1, 2, "site-1")
    window(conn, 3, 4, "site-1")
    between = window(conn, 2, 3, "site-1")
    assert [row[1:] for row in rows(conn, FOUND)] == [(at(1), at(4))]
    assert stop(conn, between, at(2) + 30 * MINUTE, withdraw=False)
    assert [row[1:] for row in rows(conn, FOUND)] == [(at(1), at(2.5)), (at(3), at(4))]
