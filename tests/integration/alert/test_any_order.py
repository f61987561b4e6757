"""Rows and windows in any order and batches come to the incidents of one fold over all of them, in the database too."""

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sitemon import clock
from sitemon.incident.machine import NOTHING, fold
from sitemon.incident.maintenance import Window, maintained
from sitemon.incident.policy import Policy
from sitemon.incident.rows import Cause, Row, in_order
from sitemon.model.result import Result
from sitemon.store.maintenance_windows import Declaration, declare, stop
from tests.databases import rows
from tests.integration.alert.scene import Scene
from tests.results import MINUTE, this_hour

_names = (f"site-{number}" for number in itertools.count())
outcomes = st.text("uudddddm ", min_size=12, max_size=24)
windows = st.lists(st.tuples(st.integers(0, 24), st.integers(1, 10), st.booleans()), min_size=1, max_size=3)


def folded(results: list[Result], kept: list[tuple[int, int]]) -> list[tuple[object, object]]:
    minutes = sorted({minute for start, length in kept for minute in range(start, start + length)})
    merged = [Window(this_hour() + minute * MINUTE, this_hour() + (minute + 1) * MINUTE) for minute in minutes]
    seen = [Row(one.slot_at, one.region, one.kind, one.outcome, Cause(one.reason)) for one in results]
    incidents = fold(Policy(), NOTHING, maintained(in_order(seen), merged)).incidents
    return [(one.started_at, one.ended_at) for one in incidents]


@pytest.mark.timeout(600)
@given(outcomes, windows, st.data())
@settings(max_examples=50, suppress_health_check=list(HealthCheck))
def test_incidents_are_those_of_one_fold(
    scene: Scene, letters: str, maintenance: list[tuple[int, int, bool]], data: st.DataObject
) -> None:
    site = region = next(_names)  # In a region of its own: where sites of several examples fail at once, it is offline.
    results = scene.results(letters, site=site, region=region)
    scene.arrive(*scene.results("u", start=-1, site=site, region=region))
    steps: list[list[Result] | tuple[int, tuple[int, int]]] = []
    left = list(data.draw(st.permutations(results)))
    while left:
        size = data.draw(st.integers(1, 8))
        steps.append(left[:size])
        left = left[size:]
    for number, (start, length, is_withdrawn) in enumerate(maintenance):
        for _ in range(2 if is_withdrawn else 1):
            steps.insert(len(steps) - data.draw(st.integers(0, len(steps))), (number, (start, length)))
    declared: dict[int, int] = {}
    for step in steps:
        if isinstance(step, list):
            scene.write(step)
        elif step[0] in declared:
            stop(scene.conn, declared[step[0]], clock.utc_now(), withdraw=True)
        else:
            first_at = this_hour() + step[1][0] * MINUTE
            window = Declaration(first_at, first_at + step[1][1] * MINUTE, [site])
            declared[step[0]] = declare(scene.conn, window).maintenance_id
        if not data.draw(st.booleans()):
            scene.decide()
    scene.decide()
    query = """
        SELECT started_at, ended_at FROM sitemon.incidents WHERE site = %s AND withdrawn_at IS NULL ORDER BY started_at
    """
    kept = [(start, length) for start, length, is_withdrawn in maintenance if not is_withdrawn]
    assert rows(scene.conn, query, (site,)) == folded(results, kept)
