"""The planner's statistics may be of a time with fewer sites: to read all takes some looks at each row all the same."""

from collections.abc import Callable, Iterator
from typing import Final

import pytest

from sitemon.store.connect import Connection
from sitemon.store.names import Names
from sitemon.store.page import PresentReader
from sitemon.store.pool import Pool
from sitemon.store.write import write_batch
from tests.databases import execute, have_counted, looks_at, rows
from tests.integration.web.conftest import Connect
from tests.results import a_result

SITES: Final = [f"site-{number}" for number in range(40)]
REGIONS: Final = 40
ANALYZE: Final = """
    ANALYZE sitemon.region, sitemon.site, sitemon.target, sitemon.current_state, sitemon.watch, sitemon.schedule_stretch
"""
SCHEDULED: Final = """
    INSERT INTO sitemon.schedule_stretch (site_id, region_id, from_ms, until_ms, interval_ms, patience_ms)
    SELECT site_id, region_id, 0, 9223372036854775807, 60000, 60000
    FROM sitemon.site CROSS JOIN sitemon.region
    ON CONFLICT DO NOTHING
"""
AS_ANALYZED: Final = """
    ALTER TABLE sitemon.current_state SET (autovacuum_enabled = false);
    ALTER TABLE sitemon.schedule_stretch SET (autovacuum_enabled = false);
    ALTER TABLE sitemon.watch SET (autovacuum_enabled = false)
"""
OTHER_REGIONS: Final = "INSERT INTO sitemon.region (name) SELECT 'other-' || n FROM generate_series(1, 40) AS n"
MAINTAINED: Final = """
    INSERT INTO sitemon.maintenance_stretch (site_id, from_at, until_at)
    SELECT site_id, now() - '1 hour'::interval, now() + '1 hour'::interval FROM sitemon.site
"""


@pytest.fixture
def lent(reader: Connect, conn: Connection) -> Iterator[Connection]:
    """A connection of the page. Statistics are of the tests' own ANALYZE: autovacuum takes one table before another."""
    execute(conn, AS_ANALYZED)
    pool = Pool(reader, 1)
    with pool.connection() as connection:
        yield connection
    pool.close()


def read_view(conn: Connection) -> int:
    return len(rows(conn, "SELECT * FROM sitemon.site_status"))


def read_as_the_page(conn: Connection) -> int:
    return len(PresentReader().read(conn).watches)


def write(conn: Connection, names: Names, region: str) -> None:
    write_batch(conn, names, [a_result(site, region=region) for site in SITES])


@pytest.mark.parametrize(
    "known_since", ["", "ANALYZE sitemon.current_state"], ids=["one region", "all states, one region scheduled"]
)
@pytest.mark.parametrize("read", [read_view, read_as_the_page], ids=["the view", "the page"])
def test_states_are_not_read_once_for_each_region_where_it_knows_of_some(
    conn: Connection, names: Names, lent: Connection, read: Callable[[Connection], int], known_since: str
) -> None:
    write(conn, names, "region-0")
    execute(conn, SCHEDULED)
    execute(conn, ANALYZE)
    for number in range(1, REGIONS):
        write(conn, names, f"region-{number}")
    for statement in filter(None, (SCHEDULED, known_since)):
        execute(conn, statement)
    have_counted(conn)
    before = looks_at(lent, "current_state")
    assert read(lent) == len(SITES) * REGIONS
    assert looks_at(lent, "current_state") - before < 3 * len(SITES) * REGIONS


def test_windows_are_not_read_once_for_each_site_where_it_knows_of_none(
    conn: Connection, names: Names, lent: Connection
) -> None:
    write(conn, names, "region-0")
    execute(conn, SCHEDULED)
    execute(conn, ANALYZE)
    for statement in (OTHER_REGIONS, SCHEDULED, MAINTAINED):
        execute(conn, statement)
    have_counted(conn)
    before = looks_at(lent, "maintenance_stretch")
    assert {watch.state for watch in PresentReader().read(lent).watches} == {"maintenance"}
    assert looks_at(lent, "maintenance_stretch") - before < 10 * len(SITES)


def test_urls_that_a_site_had_before_are_not_read(conn: Connection, names: Names, lent: Connection) -> None:
    write_batch(conn, names, [a_result(minute=n / 60, url=f"https://shop.example/{n}") for n in range(1_000)])
    have_counted(conn)
    before = looks_at(lent, "target")
    assert [watch.url for watch in PresentReader().read(lent).watches] == ["https://shop.example/999"]
    assert looks_at(lent, "target") - before < 10
