"""What is held while a large report is read: little of each site."""

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, timedelta
from pathlib import Path

import pytest

from sitemon import clock
from sitemon.config.servers import Credentials, PostgresServer
from sitemon.report.period import Period
from sitemon.store import report as module
from sitemon.store.connect import Connection
from sitemon.store.names import Names
from sitemon.store.provision import READER
from sitemon.store.report import ReportRows, read_report
from sitemon.store.write import write_batch
from tests.databases import as_admin, execute, open_account, run, template_filled_by
from tests.results import a_result

DAY = timedelta(days=1)
TODAY = clock.utc_now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
FIRST = TODAY - 3 * DAY
SITES = 100
OF_DAYS = """
INSERT INTO sitemon.latency_day (day, site_id, region_id, checks, bucket)
SELECT %(at)s, site_id, region_id, 1, bucket FROM sitemon.site, sitemon.region, generate_series(0, 63) AS bucket
"""
OF_HOURS = OF_DAYS.replace("latency_day (day", "latency_hour (hour_at")


def record(conn: Connection) -> None:
    """A hundred sites, seen on one day, each with a long label of its own and all latencies on each of four days."""
    open_account(conn, FIRST)
    write_batch(conn, Names(), [a_result(f"site-{number}", slot_at=FIRST) for number in range(SITES)])
    execute(
        conn,
        "INSERT INTO sitemon.watch (site_id, region_id, token, sequence, at_ms, labels) "
        "SELECT site_id, region_id, 1, 1, 0, jsonb_build_object('team', repeat('x', 4000) || site_id) "
        "FROM sitemon.site, sitemon.region",
    )
    execute(conn, OF_DAYS, {"at": FIRST - DAY})
    for day in range(3):
        execute(conn, OF_HOURS, {"at": FIRST + day * DAY})


template = template_filled_by(record)


@pytest.fixture
def reader(postgres_server: PostgresServer, admin: Credentials, template: Credentials) -> Iterator[Connection]:
    with closing(as_admin(postgres_server, admin, template.database)) as conn:
        run(conn, "SET ROLE {role}", role=READER)
        conn.autocommit = False
        yield conn


def read(reader: Connection, days: int, group_by: str | None = None, most: int | None = None) -> ReportRows:
    """Read a report of so many days, on the second of which, or the only one, the sites were seen."""
    first = FIRST if days == 1 else FIRST - DAY
    of = Period(first.date(), (first + (days - 1) * DAY).date(), UTC)
    now = clock.utc_now()
    return read_report(reader, of.starts_at, of.until_at, now, by_days=True, group_by=group_by, most_site_days=most)


def test_of_groups_of_long_names_little_is_held_while_they_are_read(reader: Connection) -> None:
    Path("/proc/self/clear_refs").write_text("5")  # the peak is that of now
    before_bytes = peak_bytes()
    found = read(reader, 4, "team")
    assert (len(found.groups), len(found.group_latencies)) == (SITES, 4 * SITES)
    assert {*map(len, found.group_latencies.values())} == {64}
    assert peak_bytes() - before_bytes < 5 << 20


def test_of_the_latencies_of_each_site_three_are_kept(reader: Connection) -> None:
    found = read(reader, 1).latencies
    assert len(found) == SITES
    assert {len(latencies) for latencies in found.values()} == {3}


@pytest.mark.parametrize(("days", "most"), [(1, 400), (4, 700)])
def test_a_site_counts_as_its_days_and_three_more(
    reader: Connection, monkeypatch: pytest.MonkeyPatch, days: int, most: int
) -> None:
    monkeypatch.setattr(module, "_LABELS", 10_000)
    assert len(read(reader, days, most=most).groups) == SITES
    assert len(read(reader, days, most=most - 1).groups) == SITES - 1


def peak_bytes() -> int:
    """Return how much memory this process has held at the most."""
    return int(re.findall(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)[0]) << 10
