"""Beat, Redis and all workers die at once, and nobody starts them again: what nobody looks at is seen."""

from contextlib import closing

import pytest

from bench.pipeline import expected_slots, read_rows
from sitemon import clock
from sitemon.model.moment import to_ms
from sitemon.store.read import read_closed_at
from tests.faults.scene import TIMEOUT_S, Scene
from tests.pipeline import wait_for

pytestmark = pytest.mark.faults

INTERVAL_S = 10
UNKNOWN_WITHIN_S = 40.0
CLOSED_AGAIN_WITHIN_S = 50.0
YOUNGEST_S = 20.0
STATES = "SELECT DISTINCT state FROM sitemon.site_status"
PATIENCE_MS = (INTERVAL_S + TIMEOUT_S + 12) * 1_000


def test_a_dead_monitor_is_unknown_and_its_missed_slots_have_rows(scene: Scene) -> None:
    scene.begin("beat", "beatless", "recorder", sites=50, interval_s=INTERVAL_S)
    for process in ("beat", "beatless"):
        scene.pipeline.processes[process].kill()
    scene.redis.kill()
    died_ms = clock.now_ms()
    wait_for(lambda: scene.pipeline.rows(STATES) == [("unknown",)], UNKNOWN_WITHIN_S)
    shown = scene.pipeline.run("status", "sitemon", "status")
    assert shown.count("unknown") > 50
    assert "●" not in shown

    wait_for(lambda: to_ms(clock.utc_now()) - died_ms > CLOSED_AGAIN_WITHIN_S * 1_000, CLOSED_AGAIN_WITHIN_S + 5)
    assert age_s(scene) < YOUNGEST_S
    until_ms = clock.now_ms() - PATIENCE_MS - int(YOUNGEST_S * 1_000)
    names = [f"site-{number}" for number in range(50)]
    expected = expected_slots(names, INTERVAL_S * 1_000, died_ms, until_ms)
    rows = read_rows(scene.pipeline, died_ms, until_ms)
    assert expected
    assert {(row.site, row.slot_ms) for row in rows} == expected
    assert {row.outcome for row in rows} == {"missed"}
    assert {row.reason for row in rows} <= {"lost", "beat_down"}


def age_s(scene: Scene) -> float:
    """Return how old the account's mark is."""
    with closing(scene.pipeline.connect()) as conn:
        return (clock.utc_now() - read_closed_at(conn)).total_seconds()
