"""The short form of the fault suite, part of `make test`: one scenario a server, with outages of seconds."""

from tests.faults.outages import killed
from tests.faults.scene import Scene

SHORT_S = 3.0


def test_without_postgres_the_recorder_waits(scene: Scene) -> None:
    scene.begin(sites=50)
    scene.suffers(killed(scene.postgres), SHORT_S)
    assert scene.end().missed == []


def test_without_kafka_results_wait_in_the_spool(scene: Scene) -> None:
    scene.begin(sites=50)
    scene.suffers(killed(scene.kafka), SHORT_S)
    assert scene.end().missed == []


def test_without_redis_only_slots_of_the_outage_are_missed(scene: Scene) -> None:
    scene.begin(sites=50)
    away = scene.suffers(killed(scene.redis), SHORT_S)
    assert scene.end().unexcused(away, patience_ms=10_000) == []
