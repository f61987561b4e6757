"""The wall clock of all our processes steps by an hour and is set right again, as a broken time server does it."""

from pathlib import Path

import pytest

from sitemon import clock
from tests.faults.scene import OUTAGE_S, Scene
from tests.pipeline import own_code, wait_for

pytestmark = pytest.mark.faults

HOOK = Path(__file__).parent / "clock_hook"
HOUR_S = 3_600
APART_S = 20


class StepClock:
    """Sets the clock of all processes that were started with it."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self(0)

    def __call__(self, offset_s: int) -> None:
        new = self.file.with_suffix(".new")
        new.write_text(str(offset_s))
        new.rename(self.file)


@pytest.fixture
def set_clock(scene: Scene, tmp_path: Path) -> StepClock:
    set_clock = StepClock(tmp_path / "clock")
    scene.extra |= {"FAULTS_CLOCK_FILE": str(set_clock.file), **own_code(HOOK)}
    return set_clock


@pytest.mark.parametrize("step_s", [HOUR_S, -HOUR_S])
def test_every_slot_is_accounted_for(scene: Scene, set_clock: StepClock, step_s: int) -> None:
    scene.begin("beat", "beatless", "recorder")
    set_clock(step_s)
    scene.goes_on_for(OUTAGE_S)
    set_clock(0)
    scene.wait_until_recorded_after(clock.now_ms())
    scene.finish()  # the ledger says the rest: the slots of the time between may be real or missed


def test_a_clock_that_is_ahead_at_the_start_and_set_right_with_an_edit(scene: Scene, set_clock: StepClock) -> None:
    set_clock(HOUR_S)
    scene.begin("beat", "beatless", "recorder")
    scene.goes_on_for(OUTAGE_S)
    set_clock(0)
    scene.watch(sites=250)  # also sites that were added just now are checked at once
    scene.wait_until_recorded_after(clock.now_ms())
    scene.finish()


@pytest.mark.parametrize(("name", "said"), [("beat", "beat.clock_apart"), ("beatless", "worker.clock_apart")])
@pytest.mark.parametrize("ahead_s", [APART_S, -APART_S])
def test_where_the_clocks_of_beat_and_worker_differ_sites_are_checked(
    scene: Scene, set_clock: StepClock, name: str, said: str, ahead_s: int
) -> None:
    scene.begin("beat", "beatless", "recorder")
    wrong = set_clock.file.with_name("wrong")
    StepClock(wrong)(ahead_s)
    scene.stop(name)
    scene.extra["FAULTS_CLOCK_FILE"] = str(wrong)
    scene.pipeline.start(name)
    wait_for(lambda: said in scene.said(name))
    scene.wait_until_recorded_after(clock.now_ms())
    StepClock(wrong)(0)
    scene.wait_until_recorded_after(clock.now_ms())
    scene.finish()
