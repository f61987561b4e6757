"""An alerter whose turn to tell ended while it told, since it was frozen: what it had in hand is not the last word."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from sitemon.alert.status import StatusTeller, states_producer
from sitemon.config.servers import Credentials, KafkaServer, PostgresServer
from sitemon.local.kafka import Kafka
from sitemon.model.errors import UnreachableError
from sitemon.store.connect import connect
from sitemon.store.status import take_untold
from sitemon.stream.producer import Delivery, Producer, Record
from sitemon.stream.topics import topics_of
from tests.databases import rows
from tests.integration.alert.scene import Scene
from tests.integration.alert.test_status_topic import tell_all, teller, told, topic
from tests.integration.stream.conftest import _own_kafka, own_kafka, server

__all__ = ["_own_kafka", "own_kafka", "server", "teller", "topic"]


def test_what_waited_for_kafka_for_longer_than_a_turn_is_not_sent(
    own_kafka: Kafka, server: KafkaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, monotonic = topics_of(server).status, time.monotonic
    producer = states_producer(server)
    assert producer.send(Record(status, b"shop", b"up"), 10.0).wait(10.0)
    own_kafka.kill()
    late = producer.send(Record(status, b"shop", b"down"), 10.0)
    # As if the process had been frozen.
    monkeypatch.setattr(time, "monotonic", lambda: monotonic() + 60)
    with pytest.raises(UnreachableError):
        late.wait(10.0)
    assert producer.close(5.0) == ()


class Frozen:
    """A producer whose process is frozen before it sends."""

    cluster = ""

    def __init__(self, real: Producer, meanwhile: Callable[[], None], does_fail: bool) -> None:
        self.real, self.meanwhile, self.does_fail = real, meanwhile, does_fail

    def send(self, record: Record, timeout_s: float) -> Delivery:
        self.meanwhile()
        delivery = self.real.send(record, timeout_s)
        if self.does_fail:
            raise UnreachableError("Kafka does not answer")
        return delivery

    def close(self, timeout_s: float) -> list[Record]:
        return list(self.real.close(timeout_s))


@pytest.mark.parametrize("does_fail", [False, True])
def test_what_others_told_meanwhile_is_told_again(
    scene: Scene,
    teller: StatusTeller,
    kafka_server: KafkaServer,
    topic: str,
    postgres_server: PostgresServer,
    owner: Credentials,
    does_fail: bool,
) -> None:
    up, *others = scene.results("udddu")
    scene.arrive(up)
    session = connect(postgres_server, owner, application_name="test")

    def meanwhile() -> None:
        rows(scene.conn, "SELECT pg_terminate_backend(%s, 10000)", (session.info.backend_pid,))
        for result in others:
            scene.arrive(result)
            tell_all(scene, teller)

    frozen = Frozen(states_producer(kafka_server), meanwhile, does_fail)
    producers: Iterator[Producer] = iter([frozen, states_producer(kafka_server)])
    with closing(StatusTeller(lambda: next(producers), topic)) as late:
        with closing(session), pytest.raises(UnreachableError):
            late.tell_due(session)
        late.tell_due(scene.conn)
    found = told(kafka_server, topic)
    first, _, newest, late_one, last = found
    assert [one.state for one in found] == ["up", "down", "up", "up", "up"]
    assert (late_one.sequence, last.since_at) == (first.sequence, newest.since_at)
    assert first.sequence < newest.sequence < last.sequence


def test_what_kafka_did_not_take_is_given_up_before_another_may_tell(
    scene: Scene, topic: str, postgres_server: PostgresServer, owner: Credentials
) -> None:
    closed: list[int] = []

    class Failing:
        """A producer of which Kafka takes nothing."""

        cluster = ""

        def send(self, record: Record, timeout_s: float) -> Delivery:
            raise UnreachableError("Kafka does not answer")

        def close(self, timeout_s: float) -> list[Record]:
            with take_untold(second, 10) as theirs:
                closed.append(len(theirs))
            return []

    scene.arrive(*scene.results("u"))
    with (
        closing(connect(postgres_server, owner, application_name="test")) as second,
        closing(StatusTeller(Failing, topic)) as teller,
    ):
        assert teller.tell_due(scene.conn) > 0
        assert closed == [0]
        with take_untold(second, 10) as theirs:
            assert [one.state for one in theirs] == ["up"]
