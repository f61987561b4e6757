"""Our own processes killed, doubled, coming and going."""

import os
import random

import pytest

from sitemon import clock
from tests.faults.outages import frozen, frozen_amid_a_batch, starved, without
from tests.faults.scene import Scene
from tests.pipeline import Away

pytestmark = pytest.mark.faults

PATIENCE_MS = 12_000
"""A killed worker's messages come back after 6 s, a killed beat's lease lapses after 6 s; then slots have 4 s."""

LONGER_THAN_A_TIMEOUT_S = 3.0


def test_ten_kills_at_random_times(scene: Scene) -> None:
    seed = int(os.environ.get("SITEMON_FAULTS_SEED", clock.now_ms()))
    print(f"SITEMON_FAULTS_SEED={seed}")
    chance = random.Random(seed)
    scene.begin("beat", "beatless", "recorder")
    victims = chance.choices(("beat", "beatless", "recorder"), k=10)
    aways = []
    for victim in victims:
        scene.goes_on_for(chance.uniform(0, 5))
        aways.append(scene.suffers(without(scene, victim), chance.uniform(0, 3)))
    account = scene.end()
    assert account.unexcused(Away("any", aways[0].from_ms, aways[-1].until_ms), PATIENCE_MS) == []


def test_a_worker_that_is_frozen_with_checks_under_way_finds_no_site_down(scene: Scene) -> None:
    scene.begin("beat", "beatless", "recorder", sites=40, path="/slow")
    for _ in range(4):
        scene.suffers(frozen(scene.pipeline.processes["beatless"].pid), LONGER_THAN_A_TIMEOUT_S)
        scene.goes_on_for(LONGER_THAN_A_TIMEOUT_S)
    account = scene.end()
    assert account.down == []


def test_a_worker_without_cpu_finds_no_site_down(scene: Scene) -> None:
    scene.extra["SITEMON_CHECKS_PER_HOST"] = "1000"
    scene.begin("beat", "beatless", "recorder", sites=1_000)
    scene.suffers(starved(scene.pipeline.processes["beatless"].pid))
    account = scene.end()
    assert account.down == []


def test_recorders_that_come_and_go_every_two_seconds(scene: Scene) -> None:
    scene.begin()
    for _ in range(6):
        scene.pipeline.start("second-recorder")
        scene.goes_on_for(2)
        scene.stop("second-recorder")
        scene.goes_on_for(2)
    account = scene.end()
    assert account.missed == []


def test_recorders_killed_in_the_middle_of_batches(scene: Scene) -> None:
    scene.begin("worker", "recorder", "second-recorder")
    for _ in range(3):
        for recorder in ("recorder", "second-recorder"):
            scene.suffers(without(scene, recorder), 2)
    account = scene.end()
    assert account.missed == []


def test_a_recorder_that_is_frozen_amid_a_batch_holds_up_the_other_for_half_a_minute(scene: Scene) -> None:
    scene.begin("worker", "recorder", "second-recorder")
    with frozen_amid_a_batch(scene, "recorder", "second-recorder"):
        scene.wait_until_recorded_after(clock.now_ms(), within_s=60)
        scene.pipeline.await_closed(clock.now_ms(), 60)
    account = scene.end()
    assert account.missed == []
