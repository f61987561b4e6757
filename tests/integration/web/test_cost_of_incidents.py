"""Incidents that are shown cost by what is shown, however many there were, and whatever the planner knows of them."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Final

import pytest

from sitemon import clock
from sitemon.store.connect import Connection
from sitemon.store.page_incidents import Incident, read_incidents, read_incidents_in_turns
from sitemon.store.page_site import read_incidents_of
from sitemon.store.pool import Pool
from tests.databases import execute, have_counted, looks_at
from tests.integration.web.conftest import Connect
from tests.results import MINUTE

SITES: Final = 400
EACH: Final = 40
MOST: Final = 5
SHOWN: Final = MOST * MOST
"""Of so many sites so many each may have a place."""
DAY: Final = timedelta(days=1)
OWNERS: Final = {f"site-{number}": "theirs" for number in range(1, SITES + 1)} | {"wiki": "ours"}
NAMED: Final = "INSERT INTO sitemon.site (name) SELECT unnest(%s)"
WITHDRAWN: Final = "UPDATE sitemon.incident SET withdrawn_at = now() WHERE incident_id % 2 = 0"
BEFORE: Final = """
    INSERT INTO sitemon.incident (site_id, started_at, ended_at, opened_by_at, regions, reason)
    SELECT site_id, at - '1 min'::interval, at, at, '{default}', 'timeout'
    FROM sitemon.site, generate_series(1, %s) AS turn, LATERAL (SELECT now() - turn * %s AS at) AS ended
    WHERE site.name LIKE %s
"""


def nothing(_conn: Connection) -> None:
    pass


def analyze(conn: Connection) -> None:
    execute(conn, "ANALYZE sitemon.site, sitemon.incident")


def analyze_when_few_had_any(conn: Connection) -> None:
    execute(conn, BEFORE, (300, 4 * MINUTE, "site-1_"))
    analyze(conn)
    execute(conn, "DELETE FROM sitemon.incident")


@pytest.fixture(
    params=[(nothing, nothing), (nothing, analyze), (analyze_when_few_had_any, nothing)],
    ids=["no statistics", "statistics", "those of few sites"],
)
def page(request: pytest.FixtureRequest, conn: Connection, reader: Connect) -> Iterator[Connection]:
    """A connection of the page, to a database in which each site was down often, and wiki once, last week."""
    look_first, look_last = request.param
    execute(conn, "ALTER TABLE sitemon.incident SET (autovacuum_enabled = false)")
    execute(conn, NAMED, ([*OWNERS],))
    look_first(conn)
    execute(conn, BEFORE, (EACH, 4 * MINUTE, "site-%"))
    execute(conn, WITHDRAWN)
    execute(conn, BEFORE, (1, 7 * DAY, "wiki"))
    look_last(conn)
    have_counted(conn)
    pool = Pool(reader, 1)
    with pool.connection() as lent:
        yield lent
    pool.close()


def test_those_of_the_public_page_cost_one_of_each_site_and_some_of_those_that_are_shown(page: Connection) -> None:
    before = looks_at(page, "incident")
    found = read_incidents_in_turns(page, OWNERS, clock.utc_now() - 30 * DAY, MOST)
    assert looks_at(page, "incident") - before <= len(OWNERS) + SHOWN + MOST
    assert len({incident.site for incident in found}) == MOST
    assert found[-1].site == "wiki"


@pytest.mark.parametrize(
    "read",
    [
        lambda conn: read_incidents_of(conn, "site-7", MOST),
        lambda conn: read_incidents(conn, MOST, site="site-7", state="any"),
    ],
    ids=["its page", "the list"],
)
def test_those_of_a_site_cost_no_more_than_is_shown(
    page: Connection, read: Callable[[Connection], list[Incident]]
) -> None:
    before = looks_at(page, "incident")
    found = read(page)
    assert looks_at(page, "incident") - before <= 2 * MOST
    assert [incident.site for incident in found] == ["site-7"] * MOST
    assert found == sorted(found, key=lambda incident: incident.started_at, reverse=True)
