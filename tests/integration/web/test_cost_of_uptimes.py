"""The uptime of a badge costs as much as its site has regions, however many sites there are."""

from collections.abc import Iterator
from typing import Final

import pytest

from sitemon.store.connect import Connection
from sitemon.store.history import read_uptime_of_days
from sitemon.store.pool import Pool
from tests.databases import execute, have_counted, looks_at, sum_last_days
from tests.integration.web.conftest import Connect

SITES: Final = 60
REGIONS: Final = 40
FILL: Final = """
    INSERT INTO sitemon.count_day (day, site_id, region_id, up, degraded, down, missed)
    SELECT sitemon.day_of(now()) - 1, site_id, region_id, region_id - min(region_id) OVER (), 1, 2, 3
    FROM sitemon.site CROSS JOIN sitemon.region
    WHERE site.name LIKE 'site-%' AND region.name LIKE 'region-%'
"""


@pytest.fixture
def page(conn: Connection, reader: Connect) -> Iterator[Connection]:
    """A connection of the page, to a database in which each site was looked at from each region."""
    names = "INSERT INTO sitemon.{} (name) SELECT '{}-' || number FROM generate_series(1, %s) AS number"
    execute(conn, names.format("site", "site"), (SITES,))
    execute(conn, names.format("region", "region"), (REGIONS,))
    execute(conn, FILL)
    sum_last_days(conn)
    execute(conn, "ANALYZE sitemon.kept_recent")
    have_counted(conn)
    pool = Pool(reader, 1)
    with pool.connection() as lent:
        yield lent
    pool.close()


def test_it_is_that_of_all_regions_together_and_reads_those_of_its_site(page: Connection) -> None:
    before = looks_at(page, "kept_recent")
    up = sum(range(REGIONS)) + REGIONS
    assert read_uptime_of_days(page, "site-7", 30) == pytest.approx(up / (up + 5 * REGIONS))
    assert looks_at(page, "kept_recent") - before <= REGIONS


def test_a_site_of_which_nothing_was_counted_has_none(page: Connection) -> None:
    assert read_uptime_of_days(page, "new", 30) is None
