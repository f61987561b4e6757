"""Windows of ``sites.yaml``: written down ahead, through both changes of the clock, and what people are told then."""

import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sitemon.alert.maintenance import Planner
from sitemon.config.servers import Credentials, PostgresServer
from sitemon.config.sites import SiteSet, load_sites
from sitemon.model.maintenance import Recurring
from sitemon.store.connect import Connection, connect
from sitemon.store.partitions import DEFAULT_RETENTION, make_partitions
from sitemon.store.steps import Steps
from tests.databases import rows
from tests.integration.alert.planning import plan

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
HELSINKI = "Europe/Helsinki"
NIGHTLY = Recurring("02:30", 7200, "FREQ=DAILY", HELSINKI)
LATE = Recurring("03:30", 3600, "FREQ=DAILY", HELSINKI)
SUNDAYS = Recurring("02:00", 7200, "FREQ=WEEKLY;BYDAY=SU", HELSINKI)
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
"""A Thursday."""


@pytest.fixture(autouse=True)
def kept(conn: Connection) -> None:
    """Results around that day can be recorded."""
    make_partitions(Steps(conn), NOW, DEFAULT_RETENTION)


def planned(conn: Connection) -> list[tuple[str, str]]:
    query = "SELECT from_at, until_at FROM sitemon.maintenance WHERE is_configured ORDER BY from_at"
    return [(f"{from_at:%m-%d %H:%M}", f"{until_at:%m-%d %H:%M}") for from_at, until_at in rows(conn, query)]


def plan_at(conn: Connection, now: datetime, *rules: Recurring) -> int:
    return plan(conn, {"shop": rules}, {"shop"}, now).windows


def test_windows_are_written_down_fifteen_days_ahead_and_once(conn: Connection) -> None:
    assert plan_at(conn, NOW, SUNDAYS) == 2
    expected = [("11-29 00:00", "11-29 02:00"), ("12-06 00:00", "12-06 02:00")]
    assert planned(conn) == expected
    assert plan_at(conn, NOW, SUNDAYS) == 0
    assert plan_at(conn, NOW + 6 * DAY, SUNDAYS) == 0
    assert plan_at(conn, NOW + 8 * DAY, SUNDAYS) == 1
    assert planned(conn) == [*expected, ("12-13 00:00", "12-13 02:00")]


def test_an_alerter_that_was_away_for_long_writes_down_what_was_meanwhile(conn: Connection) -> None:
    make_partitions(Steps(conn), NOW + 20 * DAY, DEFAULT_RETENTION)
    plan_at(conn, NOW, SUNDAYS)
    plan_at(conn, NOW + 22 * DAY, SUNDAYS)
    assert [start for start, _ in planned(conn)] == [
        f"{day} 00:00" for day in ("11-29", "12-06", "12-13", "12-20", "12-27")
    ]


def test_an_edit_holds_from_now_on(conn: Connection) -> None:
    plan_at(conn, NOW, NIGHTLY)
    during = datetime(2026, 11, 28, 1, tzinfo=UTC)
    plan_at(conn, during, Recurring("02:30", 3 * 3600, "FREQ=DAILY", HELSINKI))
    assert planned(conn)[:4] == [
        ("11-27 00:30", "11-27 02:30"),  # what was over stays
        ("11-28 00:30", "11-28 01:00"),  # the running one goes on as the new one
        ("11-28 01:00", "11-28 03:30"),
        ("11-29 00:30", "11-29 03:30"),
    ]
    plan_at(conn, during + HOUR)
    assert planned(conn) == [("11-27 00:30", "11-27 02:30"), ("11-28 00:30", "11-28 02:00")]


def test_windows_of_a_rule_that_stays_are_left_as_they_are(conn: Connection) -> None:
    query = "SELECT maintenance_id, from_at, until_at FROM sitemon.maintenance WHERE until_at > %s ORDER BY from_at"
    plan_at(conn, NOW, NIGHTLY)
    during = datetime(2026, 11, 28, 1, tzinfo=UTC)
    nightly = rows(conn, query, (during,))
    assert plan_at(conn, during, NIGHTLY, SUNDAYS) == 3 + 2  # of two nights more, which have come within 15 days
    assert {*nightly} < {*rows(conn, query, (during,))}
    plan_at(conn, during + HOUR, SUNDAYS)
    assert planned(conn) == [
        ("11-27 00:30", "11-27 02:30"), ("11-28 00:30", "11-28 02:00"),
        ("11-29 00:00", "11-29 02:00"), ("12-06 00:00", "12-06 02:00"), ("12-13 00:00", "12-13 02:00"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        (NIGHTLY, [("11-28 00:30", "11-28 02:30")]),
        (LATE, [("11-28 00:30", "11-28 01:00"), ("11-28 01:30", "11-28 02:30")]),
    ],
)
def test_of_windows_that_end_at_once_that_of_the_rule_that_is_gone_ends(
    conn: Connection, left: Recurring, expected: list[tuple[str, str]]
) -> None:
    plan_at(conn, NOW, NIGHTLY, LATE)
    plan_at(conn, datetime(2026, 11, 28, 1, tzinfo=UTC), left)
    assert [window for window in planned(conn) if window[0].startswith("11-28")] == expected


def test_rules_that_have_the_same_window_have_it_once(conn: Connection) -> None:
    assert plan_at(conn, NOW, SUNDAYS, SUNDAYS) == 2


def test_sites_of_one_rule_share_the_number_of_a_window(conn: Connection) -> None:
    plan(conn, {"shop": (SUNDAYS,), "blog": (SUNDAYS,)}, {"shop", "blog"}, NOW)
    query = "SELECT array_agg(site ORDER BY site) FROM sitemon.maintenance GROUP BY maintenance_id"
    assert rows(conn, query) == [(["blog", "shop"],)] * 2


def test_the_windows_of_a_file_are_written_down_and_its_edits_taken_up(conn: Connection, tmp_path: Path) -> None:
    file = tmp_path / "sites.yaml"

    def edit(more: str) -> None:
        file.write_text(
            'defaults:\n  maintenance: [{rrule: "FREQ=WEEKLY;BYDAY=SU", start: "02:00", duration: 2h}]\n'
            f"sites:\n  - {{name: shop, url: https://shop.example/{more}}}\n"
        )
        sites[:] = [load_sites({}, file)]
        planner.plan_if_due(conn)

    sites: list[SiteSet] = []
    planner = Planner(lambda: sites[0], lambda: NOW)
    edit("")
    assert len(planned(conn)) == 2
    edit(", maintenance: []")
    assert planned(conn) == []
    edit(", enabled: false")
    assert planned(conn) == []
    edit("")
    assert len(planned(conn)) == 2


def test_alerters_that_plan_at_once_write_each_window_down_once(
    conn: Connection, postgres_server: PostgresServer, owner: Credentials
) -> None:
    def plan_beside() -> None:
        with closing(connect(postgres_server, owner, application_name="test")) as beside:
            plan_at(beside, NOW, SUNDAYS)

    threads = [threading.Thread(target=plan_beside) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(planned(conn)) == 2
