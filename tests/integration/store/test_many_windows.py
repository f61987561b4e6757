"""Whether a slot is maintained costs little, however many windows its site has had."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from sitemon.store.connect import Connection
from sitemon.store.names import Names
from sitemon.store.places import EVERYWHERE
from sitemon.store.queries import load_queries
from sitemon.store.write import write_batch
from tests.databases import execute, rows
from tests.integration.store.test_status_of_many import nodes
from tests.results import a_down, a_result, this_hour

START = this_hour() - timedelta(hours=2)
SLOTS = 200
"""A second apart; of every other one the site is down."""
WINDOWS = 400
STRETCHES = """
INSERT INTO sitemon.maintenance_stretch (site_id, from_at, until_at)
SELECT site_id, from_at, from_at + '1 s'::interval
FROM sitemon.site
CROSS JOIN generate_series(%(start)s - '800 s'::interval, %(start)s + '796 s'::interval, '4 s') AS from_at
"""
NEXT = """
INSERT INTO pg_temp.incoming (
    slot_at, checked_at, site_id, region_id, target_id, redirects, body_bytes, kind, outcome
)
SELECT slot_at + '500 ms'::interval, checked_at, site_id, region_id, target_id, 0, 0, kind, outcome FROM sitemon.result
"""
SPAN = {"from_at": START, "until_at": START + timedelta(hours=1), **EVERYWHERE._asdict()}
ROLL_UP = load_queries("roll_up.sql")
QUERIES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "counts of hours": (ROLL_UP["roll_up_counts"], SPAN),
    "latencies of hours": (ROLL_UP["roll_up_latencies"], SPAN),
    "late results": (load_queries("write.sql")["merge_results"], {}),
    "an offline region": (
        load_queries("connectivity.sql")["move_unreached"],
        {"region": "default", "from_at": START, "sign": 1},
    ),
    "a backtest": (load_queries("backtest.sql")["telling_rows"], SPAN | {"good_rows": 1}),
    "what results count as": ("SELECT counts_as FROM sitemon.results", {}),
}


@pytest.fixture
def maintained(conn: Connection, names: Names) -> Connection:
    """A site with many windows, of which some hold a slot."""
    slots = [START + timedelta(seconds=number) for number in range(SLOTS)]
    write_batch(conn, names, [(a_down if slot.second % 2 else a_result)(slot_at=slot) for slot in slots])
    assert execute(conn, STRETCHES, {"start": START}) == WINDOWS
    return conn


@pytest.mark.parametrize("name", QUERIES)
def test_few_of_them_are_looked_at(maintained: Connection, name: str) -> None:
    statement, values = QUERIES[name]
    with maintained.cursor() as cursor:
        cursor.execute(NEXT)
        cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement}", values)
        ((found,),) = cursor.fetchall()
    maintained.rollback()
    assert sum(map(looked_at, nodes(found[0]["Plan"]))) < 10 * SLOTS


def looked_at(node: dict[str, Any]) -> float:
    """Return how many stretches a part of a plan read, and how many rows it left out."""
    read = float(node["Actual Rows"]) if node.get("Relation Name") == "maintenance_stretch" else 0.0
    left_out = sum(float(node.get(f"Rows Removed by {by}", 0)) for by in ("Filter", "Join Filter"))
    return float(node["Actual Loops"]) * (read + left_out)


def test_and_each_slot_of_a_window_counts_there(maintained: Connection) -> None:
    counted = "SELECT sum(up), sum(down), sum(maintenance) FROM sitemon.counted_result"
    assert rows(maintained, counted) == [(50, 100, 50)]
    said = "SELECT count(*) FILTER (WHERE counts_as = 'maintenance'), count(*) FROM sitemon.results"
    assert rows(maintained, said) == [(50, SLOTS)]
