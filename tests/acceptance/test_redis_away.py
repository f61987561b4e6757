"""Redis killed and started again under a working ``celery -A sitemon worker -B``: it goes on, however often."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from sitemon import clock
from sitemon.local.sample import SampleServer
from sitemon.local.stack import Stack
from sitemon.local.valkey import Valkey
from sitemon.worker.consumer import LOOK_EVERY_S
from tests.acceptance.conftest import url, write_sites
from tests.hanging_up import HangingUp
from tests.pipeline import Pipeline, wait_for

VISITS = 6
GAPS = """
    SELECT site FROM (
        SELECT site, slot_at - lag(slot_at) OVER (PARTITION BY site ORDER BY slot_at) AS step, outcome
        FROM sitemon.results
    ) AS steps WHERE step <> interval '10 s' OR outcome = 'missed'
"""


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[Valkey]:
    """A Redis that the test may kill."""
    with Stack(tmp_path / "own", parts=("redis",)) as stack:
        yield stack.redis


def test_it_goes_on_after_each_of_four_kills_and_misses_nothing(
    pipeline: Pipeline, sample: SampleServer, own_redis: Valkey
) -> None:
    pipeline.extra["SITEMON_REDIS_URL"] = own_redis.url(0)
    slow: list[dict[str, object]] = [
        {"name": f"slow-{n}", "url": url(sample, "/slow"), "interval": 10} for n in range(60)
    ]
    write_sites(pipeline.sites_file, *slow)
    pipeline.start("worker", "recorder")
    later = "SELECT count(*) FROM sitemon.results WHERE slot_at > to_timestamp(%s) AND outcome <> 'missed'"

    def are_checked_after(moment_s: float) -> bool:
        return bool(pipeline.rows(later, moment_s)[0][0] > 10)

    wait_for(partial(are_checked_after, 0))
    for _ in range(4):
        own_redis.kill()
        own_redis.start()
        wait_for(partial(are_checked_after, clock.now_ms() / 1_000))
    assert pipeline.rows(GAPS) == []
    assert "Traceback" not in pipeline.log_of("worker")


def test_a_worker_does_not_spin_while_it_is_away(pipeline: Pipeline, own_redis: Valkey) -> None:
    pipeline.extra |= {"SITEMON_REDIS_URL": own_redis.url(0), "SITEMON_WORKER_PROCESSES": "1"}
    pipeline.start("beatless")
    wait_for(lambda: " ready." in pipeline.log_of("beatless"))
    own_redis.kill()
    with HangingUp(own_redis.port) as server:
        began_s = clock.monotonic_s()
        wait_for(lambda: server.visits >= VISITS, within_s=VISITS * LOOK_EVERY_S * 2)
        assert clock.monotonic_s() - began_s > VISITS / 2
