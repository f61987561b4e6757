"""Redis away, empty, frozen, half-open; beats that come and go: what was due meanwhile runs late or is missed."""

import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

import pytest

from sitemon import clock
from tests.faults.outages import emptied, evicting, frozen, killed, redis_password_changed, rolled_back, stopped
from tests.faults.relay import Relay
from tests.faults.scene import Scene

pytestmark = pytest.mark.faults

A_WHILE_S = 30.0
LONG_S = 57.5
"""By itself Celery would look 0.5 s before its end, and then 14.5 s later."""
PATIENCE_MS = 10_000
"""How long before and after an outage slots may be missed: a lease's time to live, and a slot's own patience."""


FAULTS: Mapping[str, Callable[[Scene], AbstractContextManager[None]]] = {
    "stopped": lambda scene: stopped(scene.redis),
    "killed": lambda scene: killed(scene.redis),
    "emptied": lambda scene: emptied(scene.redis),
    "frozen": lambda scene: frozen(scene.redis.pid),
    "password changed": lambda scene: redis_password_changed(scene.redis),
    "evicting": lambda scene: evicting(scene.redis),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_only_slots_of_the_outage_are_missed(scene: Scene, fault: str) -> None:
    scene.begin("beat", "beatless", "recorder")
    away = scene.suffers(FAULTS[fault](scene))
    account = scene.end()
    assert account.unexcused(away, PATIENCE_MS) == []
    assert "Traceback" not in scene.pipeline.log_of("beat")  # a worker's are Celery's own, and it goes on


def test_a_copy_of_a_minute_ago_repeats_checks_and_loses_no_slot(scene: Scene) -> None:
    scene.begin("beat", "beatless", "recorder")
    with rolled_back(scene.redis) as back:
        scene.goes_on_for(A_WHILE_S)
        scene.watch(sites=199)  # an edit that the copy knows nothing of
        scene.goes_on_for(A_WHILE_S)
        away = scene.suffers(back())
    scene.watch(sites=200)
    scene.wait_until_recorded_after(clock.now_ms())
    unexcused = [row for row in scene.close_account_of(199).missed if not row.slot_ms <= away.until_ms + PATIENCE_MS]
    scene.finish()
    assert unexcused == []


def test_a_worker_is_back_soon_after_a_long_outage(scene: Scene) -> None:
    scene.begin("beat", "beatless", "recorder", sites=50)
    away = scene.suffers(stopped(scene.redis), LONG_S)
    account = scene.end()
    assert account.unexcused(away, patience_ms=6_000) == []
    complained = re.findall(r"ERROR/(\S+)\] consumer: Cannot connect to redis", scene.pipeline.log_of("beatless"))
    assert complained
    assert sorted(complained) == sorted(set(complained))


def test_half_open_connections_do_not_hang_it(scene: Scene) -> None:
    with Relay(scene.redis.port) as relay:
        scene.extra["SITEMON_REDIS_URL"] = scene.extra["SITEMON_REDIS_URL"].replace(
            f":{scene.redis.port}/", f":{relay.port}/"
        )
        scene.begin("beat", "beatless", "recorder")
        away = scene.suffers(relay.silent())
        account = scene.end()
    assert account.unexcused(away, PATIENCE_MS) == []


def test_of_three_beats_one_may_freeze_and_come_back(scene: Scene) -> None:
    scene.begin("beat", "beatless", "recorder")
    scene.pipeline.start("second-beat", "third-beat")
    scene.goes_on_for(3)
    away = scene.suffers(frozen(scene.pipeline.processes["beat"].pid))
    account = scene.end()
    assert account.unexcused(away, PATIENCE_MS) == []
    assert "beat.deposed" in scene.said("beat")
