"""A past is made up for nobody who has one."""

import pytest

from sitemon import clock
from sitemon.local.past import believable_past
from sitemon.local.sample import SAMPLES
from sitemon.model.errors import FatalError
from sitemon.model.site import Site
from sitemon.store.connect import Connection
from sitemon.store.names import Names
from sitemon.store.past import write_past
from sitemon.store.write import write_batch
from tests.databases import rows
from tests.results import a_result

SITES = [Site(name=one.name, url=f"https://{one.name}.example/", interval_ms=2_000) for one in SAMPLES]


def test_a_database_that_knows_a_site_gets_none(conn: Connection, names: Names) -> None:
    write_batch(conn, names, [a_result("shop")])
    with pytest.raises(FatalError, match="only for a database without sites"):
        write_past(conn, believable_past(SITES, clock.utc_now().replace(second=0, microsecond=0)))
    assert rows(conn, "SELECT name FROM sitemon.site") == [("shop",)]
