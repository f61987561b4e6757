"""The wall clock of all our processes steps by an hour and is set right again, as a broken time server does it."""

from pathlib import Path

import pytest

from sitemon import clock
from tests.faults.scene import OUTAGE_S, Scene
from tests.pipeline import own_code, wait_for

pytestmark = pytest.mark.faults

HOOK = Path(__file__).parent / "clock_hook"
HOUR_S = 3_600
APART_S = 120


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


def test_a_beat_whose_clock_is_behind_has_its_sites_checked_until_one_whose_clock_is_right_leads(
    scene: Scene, set_clock: StepClock
) -> None:
    scene.begin("beat", "beatless", "recorder")
    behind = set_clock.file.with_name("behind")
    StepClock(behind)(-APART_S)
    with_right = dict(scene.extra)
    scene.extra["FAULTS_CLOCK_FILE"] = str(behind)
    scene.pipeline.start("second-beat")
    wait_for(lambda: "beat.clock_apart" in scene.said("second-beat"))
    scene.stop("beat")
    wait_for(lambda: "beat.leading" in scene.said("second-beat"))
    scene.forget_before_now()
    scene.wait_until_recorded_after(clock.now_ms() - APART_S * 1_000)
    scene.extra |= with_right
    scene.pipeline.start("third-beat")
    scene.wait_until_recorded_after(clock.now_ms())
    assert scene.said("second-beat")[-1] == "beat.deposed"
    scene.finish()


@pytest.mark.parametrize("ahead_s", [APART_S, -APART_S])
def test_a_worker_whose_clock_is_wrong_checks_what_a_right_beat_sends(
    scene: Scene, set_clock: StepClock, ahead_s: int
) -> None:
    scene.begin("beat", "beatless", "recorder")
    wrong = set_clock.file.with_name("wrong")
    StepClock(wrong)(ahead_s)
    scene.stop("beatless")
    scene.extra["FAULTS_CLOCK_FILE"] = str(wrong)
    scene.pipeline.start("beatless")
    scene.wait_until_recorded_after(clock.now_ms())
    assert "worker.clock_apart" in scene.said("beatless")
    scene.finish()
