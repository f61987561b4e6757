"""What a report and a chart read, as a role that may read the public views alone; against the same sums by hand."""

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from sitemon import clock
from sitemon.config.servers import Credentials, PostgresServer
from sitemon.model.counts import Counts, total_of
from sitemon.report.figures import report_of
from sitemon.report.period import Period
from sitemon.store.connect import Connection
from sitemon.store.maintain import maintain
from sitemon.store.names import Names
from sitemon.store.partitions import DEFAULT_RETENTION
from sitemon.store.plot import read_plot
from sitemon.store.provision import READER
from sitemon.store.report import DayCounts, ReportRows, read_report
from sitemon.store.write import write_batch
from tests.databases import as_admin, execute, filled, open_account, rows, run
from tests.results import MINUTE, a_down, a_missed, a_result

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
TODAY = clock.utc_now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
FIRST = TODAY - 3 * DAY


@contextmanager
def reading(server: PostgresServer, admin: Credentials, owner: Credentials) -> Iterator[Connection]:
    with closing(as_admin(server, admin, owner.database)) as conn:
        run(conn, "SET ROLE {role}", role=READER)
        conn.autocommit = False
        yield conn


def record(conn: Connection, *, is_rolled_up: bool) -> None:
    """Shop, of team web, for three days: down at the hours 1 and 2 of the first, missed at 22 and 23 of each."""
    open_account(conn, FIRST)
    slots = [FIRST + hour * HOUR for hour in range(72)]
    seen = [
        a_down(slot_at=slot)
        if slot - FIRST in {HOUR, 2 * HOUR}
        else a_missed(slot_at=slot)
        if slot.hour >= 22
        else a_result(slot_at=slot, latency_s=0.05 + slot.hour / 100)
        for slot in slots
    ]
    write_batch(conn, Names(), [*seen, a_result("blog", slot_at=FIRST + DAY)])
    execute(
        conn,
        "INSERT INTO sitemon.incident (site_id, started_at, ended_at, opened_by_at, closed_by_at, regions, decided_at) "
        "SELECT site_id, %(from)s, %(until)s, %(from)s, %(until)s, '{default}', %(decided)s FROM sitemon.site "
        "WHERE name = 'shop'",
        {"from": FIRST + HOUR, "until": FIRST + 3 * HOUR, "decided": FIRST + HOUR + 5 * MINUTE},
    )
    execute(
        conn,
        "INSERT INTO sitemon.watch (site_id, region_id, token, sequence, at_ms, labels) "
        'SELECT site_id, region_id, 1, 1, 0, \'{"team": "web"}\' FROM sitemon.site, sitemon.region '
        "WHERE site.name = 'shop'",
    )
    if is_rolled_up:
        execute(conn, "UPDATE sitemon.account SET closed_ms = closed_ms + 10 * 86400000")
        maintain(conn, DEFAULT_RETENTION, clock.utc_now())


@pytest.fixture(scope="module", params=[True, False], ids=["rolled up", "as it came"])
def recorded(
    request: pytest.FixtureRequest, postgres_server: PostgresServer, admin: Credentials, template: Credentials
) -> Iterator[Credentials]:
    """The database of those that only read."""
    with filled(postgres_server, admin, template, lambda conn: record(conn, is_rolled_up=request.param)) as full:
        yield full


@pytest.fixture
def reader(postgres_server: PostgresServer, admin: Credentials, recorded: Credentials) -> Iterator[Connection]:
    with reading(postgres_server, admin, recorded) as conn:
        yield conn


def period(zone: str = "UTC") -> Period:
    return Period(FIRST.date(), FIRST.date() + 2 * DAY, ZoneInfo(zone))


def read(reader: Connection, of: Period, group_by: str | None = None) -> ReportRows:
    return read_report(
        reader,
        of.starts_at,
        of.until_at,
        clock.utc_now(),
        by_days=of.is_of_utc_days,
        group_by=group_by,
    )


def days(*counts: Counts) -> list[DayCounts]:
    return [DayCounts(place, found) for place, found in enumerate(counts)]


def test_days_of_utc_are_counted(reader: Connection) -> None:
    found = read(reader, period())
    assert found.counts["shop"] == days(Counts(20, 0, 2, 2), Counts(22, 0, 0, 2), Counts(22, 0, 0, 2))
    assert found.counts["blog"] == [DayCounts(1, Counts(up=1))]
    assert {source.view for source in found.sources} == {
        "sitemon.uptime_daily",
        "sitemon.latency_daily",
        "sitemon.incidents",
        "sitemon.site_status",
    }


def test_days_of_another_zone_are_counted_from_hours(reader: Connection) -> None:
    found = read(reader, period("Etc/GMT-2"))  # two hours before UTC
    assert found.counts["shop"] == days(Counts(20, 0, 2, 0), Counts(22, 0, 0, 2), Counts(22, 0, 0, 2))
    assert found.sources[0].view == "sitemon.uptime_hourly"


def test_its_sources_lead_to_the_same_figures(reader: Connection) -> None:
    for of in (period(), period("America/New_York")):
        found = read(reader, of)
        source = found.sources[0]
        sums = "sum(up)::int, sum(down)::int, sum(missed)::int"
        query = f"SELECT {sums} FROM {source.view} WHERE site = 'shop' AND {source.rows}"  # noqa: S608 - our own words
        total = total_of(day.counts for day in found.counts["shop"])
        assert rows(reader, query) == [(total.up, total.down, total.missed)]


def test_percentiles_are_those_of_sql(reader: Connection) -> None:
    found = read(reader, period())
    source = found.sources[1]
    p95_s = "sitemon.percentile_s(array_agg(bucket), array_agg(checks), 0.95)"
    query = f"SELECT {p95_s} FROM {source.view} WHERE site = 'shop' AND {source.rows}"  # noqa: S608 - our own words
    assert rows(reader, query) == [(pytest.approx(found.latencies["shop"].p95_s),)]


def test_the_report_of_it(reader: Connection) -> None:
    report = report_of(read(reader, period()), period(), {"shop": 90.0}, clock.utc_now(), None)
    [blog, shop] = sorted(report.groups[0].sites)
    counts = shop.figures.counts
    assert (counts.low, counts.high) == (64 / 72, 70 / 72)
    repairs = shop.figures.repairs
    assert (repairs.incidents, repairs.detect_s, repairs.repair_s, repairs.down_s) == (1, 300.0, 7200.0, 7200.0)
    assert shop.budget is not None
    assert shop.budget.burn_low == pytest.approx(2 / 72 / 0.1)
    assert blog.figures.repairs.incidents == 0


def test_groups_are_by_the_label_that_sites_have_now(reader: Connection) -> None:
    found = read(reader, period(), "team")
    assert found.groups == {"blog": "", "shop": "web"}
    assert {group for group, _ in found.group_latencies} == {"", "web"}


@pytest.mark.parametrize("span", [2 * DAY, 20 * DAY], ids=["from results", "from hours"])
def test_a_chart_has_a_bin_for_each_hour(reader: Connection, span: timedelta) -> None:
    plot = read_plot(reader, "shop", None, TODAY, span=span, most_bins=480)
    assert plot is not None
    assert (len(plot.bins), plot.until_at) == (480, TODAY)
    per_hour = 480 * HOUR / span
    at_22 = plot.bins[-round(2 * per_hour)]
    at_21 = plot.bins[-round(3 * per_hour)]
    assert (at_22.missed, at_22.p50_s) == (1, None)
    assert at_21.total == 1
    assert at_21.p95_s == pytest.approx(0.26, rel=0.19)
    assert len(plot.incidents) == (1 if span > 3 * DAY else 0)


def test_of_a_site_that_nobody_knows_there_is_no_chart(reader: Connection) -> None:
    assert read_plot(reader, "shpo", None, TODAY, span=DAY, most_bins=10) is None


def test_the_query_of_the_page_gives_the_same(reader: Connection) -> None:
    page = (Path(__file__).parents[3] / "docs" / "report.md").read_text()
    [query] = re.findall(r"^```sql\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    days = {"2026-10-01": FIRST, "2026-11-01": FIRST + 3 * DAY}
    for written, day in days.items():
        query = query.replace(written, f"{day:%Y-%m-%d}")
    assert rows(reader, query) == [("shop", 64 / 72, 2), ("blog", 1.0, 0)]


def test_a_day_of_an_empty_database(postgres_server: PostgresServer, admin: Credentials, owner: Credentials) -> None:
    today = Period(date(2026, 10, 1), date(2026, 10, 1), UTC)
    with reading(postgres_server, admin, owner) as reader:
        found = read_report(reader, today.starts_at, today.until_at, clock.utc_now(), by_days=True, group_by=None)
    assert (found.groups, found.incidents) == ({}, [])
    assert report_of(found, today, {}, datetime(2026, 11, 1, tzinfo=UTC), None).groups == []


def read_of_incidents(conn: Connection, *incidents: tuple[timedelta, timedelta | None]) -> ReportRows:
    """Note incidents of shop, each known after a minute, and read a report of today, of which an hour is over."""
    execute(conn, "INSERT INTO sitemon.site (name) VALUES ('shop') ON CONFLICT DO NOTHING")
    for began, ended in incidents:
        started_at, ended_at = TODAY + began, None if ended is None else TODAY + ended
        execute(
            conn,
            "INSERT INTO sitemon.incident (site_id, started_at, ended_at, opened_by_at, regions, decided_at) "
            "SELECT site_id, %(from)s, %(until)s, %(from)s, '{default}', %(decided)s FROM sitemon.site",
            {"from": started_at, "until": ended_at, "decided": started_at + MINUTE},
        )
    return read_report(conn, [TODAY], TODAY + DAY, TODAY + HOUR, by_days=True, group_by=None)


@pytest.mark.parametrize(
    ("incidents", "sums"),
    [
        ([(5 * MINUTE, 10 * MINUTE), (20 * MINUTE, 30 * MINUTE)], (2, 0, 900, 120, 900)),
        ([(-10 * MINUTE, 5 * MINUTE)], (1, 0, 300, 60, 900)),
        ([(50 * MINUTE, None)], (1, 1, 600, 60, 0)),
        ([(2 * HOUR, None)], (1, 1, 0, 60, 0)),
    ],
    ids=["over", "of before", "open", "by a clock that is ahead"],
)
def test_incidents_are_summed_within_the_report_and_up_to_now(
    conn: Connection, incidents: list[tuple[timedelta, timedelta | None]], sums: tuple[float, ...]
) -> None:
    assert read_of_incidents(conn, *incidents).sums == {"shop": sums}


def test_of_incidents_without_number_all_count_and_the_newest_are_listed(conn: Connection) -> None:
    read_of_incidents(conn)
    execute(
        conn,
        "INSERT INTO sitemon.incident (site_id, started_at, ended_at, opened_by_at, regions, decided_at) "
        "SELECT site_id, at, at + '1 s'::interval, at, '{default}', at FROM sitemon.site, "
        "generate_series(%s::timestamptz, %s::timestamptz, '2 s') AS at",
        (TODAY, TODAY + HOUR - MINUTE),
    )
    found = read_of_incidents(conn, (HOUR - MINUTE / 2, None))
    assert found.sums["shop"][:3] == (1_772, 1, 1_771 + 30)
    assert len(found.incidents) == 1_000
    assert max(incident.started_at for incident in found.incidents) == TODAY + HOUR - MINUTE / 2
    assert min(incident.started_at for incident in found.incidents) == TODAY + HOUR - MINUTE - 998 * timedelta(
        seconds=2
    )
    report = report_of(found, Period(TODAY.date(), TODAY.date(), UTC), {}, TODAY + HOUR, None)
    assert report.more_incidents == 772
