"""How PostgreSQL goes about a batch of many sites, whatever statistics it has."""

from datetime import timedelta

import pytest

from sitemon import clock
from sitemon.model.errors import SitemonError
from sitemon.store import write as module
from sitemon.store.connect import Connection
from sitemon.store.names import Names
from sitemon.store.queries import load_queries
from sitemon.store.write import Unsettled, write_batch
from tests.databases import execute, rows
from tests.integration.store.test_status_of_many import nodes
from tests.results import a_down, a_result, this_hour

SITES = [f"site-{number}" for number in range(300)]
PLANNED = "SELECT prepare_time FROM pg_prepared_statements"


@pytest.mark.parametrize("statistics", ["", "ANALYZE sitemon.current_state", "ANALYZE"])
def test_sites_that_are_settled_together_are_not_set_beside_each_other(
    conn: Connection, names: Names, monkeypatch: pytest.MonkeyPatch, statistics: str
) -> None:
    for minute in (0, 2):
        write_batch(conn, names, [a_result(site, minute=minute) for site in SITES])
    if statistics:
        execute(conn, statistics)
    found: list[Unsettled] = []
    monkeypatch.setattr(module, "settle_states", lambda _, unsettled: found.append(unsettled))
    write_batch(conn, names, [a_down(site, minute=1) for site in SITES])
    with conn.cursor() as cursor:
        explained = f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {load_queries('write.sql')['settle_states']}"
        cursor.execute(explained, found[0]._asdict())
        ((plan,),) = cursor.fetchall()
    conn.rollback()
    left_out = [node["Actual Loops"] * node.get("Rows Removed by Join Filter", 0) for node in nodes(plan[0]["Plan"])]
    assert sum(left_out) < len(SITES)


def test_it_is_planned_anew_now_and_then_as_tables_grow(
    conn: Connection, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed_s, monotonic_s = [0.0], clock.monotonic_s
    monkeypatch.setattr(clock, "monotonic_s", lambda: monotonic_s() + passed_s[0])

    def planned_after(seconds: float) -> object:
        passed_s[0] += seconds
        slot_at = this_hour() + timedelta(seconds=passed_s[0])
        assert write_batch(conn, names, [a_result(slot_at=slot_at)]).inserted == 1
        ((planned_at,),) = rows(conn, PLANNED)
        return planned_at

    first = planned_after(0.0)
    assert planned_after(1.0) == first
    second = planned_after(60.0)
    assert second != first
    with monkeypatch.context() as broken:
        broken.setattr(module, "_sql", {**module._sql, "merge_results": "SELECT FROM nowhere"})
        with pytest.raises(SitemonError, match="nowhere"):
            planned_after(60.0)
    assert planned_after(1.0) not in {first, second}


@pytest.mark.parametrize("statistics", ["", "ANALYZE"])
def test_to_note_a_new_url_reads_none_of_those_that_there_were(conn: Connection, names: Names, statistics: str) -> None:
    write_batch(conn, names, [a_result("shop"), a_result("blog")])
    many = "INSERT INTO sitemon.target (site_id, url) SELECT site_id, 'http://shop.example/' || n FROM sitemon.site,"
    execute(conn, f"{many} generate_series(1, 5000) AS n")
    if statistics:
        execute(conn, statistics)
    new = {"site_ids": [1], "urls": ["http://shop.example/new"], "matches": [None]}
    with conn.cursor() as cursor:
        explained = f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {load_queries('names.sql')['add_targets']}"
        cursor.execute(explained, new)
        ((plan,),) = cursor.fetchall()
    conn.rollback()
    reading = [
        node for node in nodes(plan[0]["Plan"]) if node.get("Relation Name") == "target" and "Scan" in node["Node Type"]
    ]
    assert [node["Actual Rows"] + node.get("Rows Removed by Filter", 0) for node in reading] == [0]
