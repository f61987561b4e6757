"""How all sites are is asked for every second: no look into the results of those that a schedule has."""

from collections.abc import Iterator
from typing import Any

from sitemon.store.connect import Connection
from sitemon.store.names import Names
from sitemon.store.write import write_batch
from tests.databases import rows
from tests.results import a_result

EXPLAIN = "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) SELECT * FROM sitemon.site_status"


def looks_into_results(conn: Connection) -> int:
    ((found,),) = rows(conn, EXPLAIN)
    return sum(
        int(node["Actual Loops"])
        for node in nodes(found[0]["Plan"])
        if str(node.get("Relation Name", "")).startswith("result_")
    )


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


def test_results_are_looked_into_for_sites_of_a_monitor_alone(conn: Connection, names: Names) -> None:
    write_batch(conn, names, [a_result(f"site-{number}") for number in range(20)])
    assert looks_into_results(conn) == 0
    write_batch(conn, names, [a_result("watched", kind="monitor")])
    assert looks_into_results(conn) > 0
