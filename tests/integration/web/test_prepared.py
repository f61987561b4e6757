"""A page's queries are parsed and planned once a connection, and leave out partitions all the same."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import pytest

from sitemon import clock
from sitemon.store.connect import Connection
from sitemon.store.page import PresentReader
from sitemon.store.page_site import read_newest
from sitemon.store.pool import Pool
from tests.databases import execute, rows
from tests.integration.web.conftest import Connect

PLANS: Final = "SELECT name, generic_plans, custom_plans FROM pg_prepared_statements ORDER BY name"


@pytest.fixture
def lent(reader: Connect) -> Iterator[Connection]:
    """A connection of the page."""
    pool = Pool(reader, 1)
    with pool.connection() as conn:
        yield conn
    pool.close()


def test_a_query_is_planned_once(lent: Connection) -> None:
    for site in ("shop", "blog", "'; DROP"):
        assert read_newest(lent, site, clock.utc_now()) == []
    assert rows(lent, PLANS) == [("page_site_newest", 3, 0)]


def test_each_connection_has_its_own(lent: Connection, reader: Connect) -> None:
    PresentReader().read(lent)
    other = reader()
    assert PresentReader().read(other).watches == []
    assert [name for name, *_ in rows(other, PLANS)] == ["page_freshness", "page_watches"]
    other.close()


def test_a_plan_for_any_day_reads_the_days_that_are_asked_for(lent: Connection) -> None:
    now = clock.utc_now()
    read_newest(lent, "shop", now)
    since = now - timedelta(hours=1)
    plan = "\n".join(line for (line,) in rows(lent, "EXPLAIN EXECUTE page_site_newest ('shop', %s)", (since,)))
    removed = re.search(r"Subplans Removed: (\d+)", plan)
    assert removed is not None
    assert int(removed[1]) > 20
    assert "result_" + f"{now - timedelta(days=5):%Y%m%d}" not in plan


def test_in_a_session_where_it_is_not_there_it_is_prepared_anew(
    lent: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        assert PresentReader().read(lent).watches == []
        execute(lent, "DEALLOCATE ALL")
    assert read_newest(lent, "shop", clock.utc_now()) == []
    assert [name for name, *_ in rows(lent, PLANS)] == ["page_site_newest"]
    (line,) = caplog.messages
    assert line.startswith('store.pooled: prepared statement "page_freshness" does not exist: is there a pooler')


def test_in_a_session_where_another_is_there_of_its_name_ours_is_run(lent: Connection) -> None:
    execute(lent, "PREPARE page_freshness AS SELECT 'somebody else''s'")
    assert PresentReader().read(lent).closed_at < clock.utc_now()
