"""What the consumer knows of a partition ends when it is lost; what waits in it is counted wherever it waits."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import ConsumerRebalanceListener, TopicPartition

from sitemon.config.servers import KafkaServer
from sitemon.stream.consumer import KafkaConsumer

PLACE = TopicPartition("t", 0)


class FakeKafka:
    """kafka-python's consumer: one partition, which comes and goes, and one answer to the next poll."""

    def __init__(self, *_: object, **__: object) -> None:
        self.mine = {PLACE}
        self.end = 0
        self._answer: dict[TopicPartition, list[Any]] = {}
        self._coordinator = SimpleNamespace(
            rejoining=False,
            time_to_next_poll=lambda: 0.0,
            join_group_async=None,
            _do_join_and_sync_async=None,
        )

    def subscribe(self, topics: Sequence[str], listener: ConsumerRebalanceListener) -> None:
        assert topics == ["t"]
        self.listener = listener

    def will_answer(self, offsets: range) -> None:
        records = [
            SimpleNamespace(topic="t", partition=0, offset=offset, key=b"", value=b"", timestamp=0, headers=[])
            for offset in offsets
        ]
        self._answer, self.end = {PLACE: records}, offsets.stop

    def poll(self, **_: object) -> dict[TopicPartition, list[Any]]:
        answer, self._answer = self._answer, {}
        return answer

    def assignment(self) -> set[TopicPartition]:
        return set(self.mine)

    def highwater(self, _: TopicPartition) -> int:
        return self.end

    def seek(self, _: TopicPartition, offset: int) -> None:
        assert offset < self.end

    def pause(self, *_: TopicPartition) -> None: ...

    def paused(self) -> set[TopicPartition]:
        return set()

    def resume(self, *_: TopicPartition) -> None: ...


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> FakeKafka:
    server = FakeKafka()
    monkeypatch.setattr("sitemon.stream.consumer.Reader", lambda *_, **__: server)
    return server


@pytest.fixture
def consumer(server: FakeKafka) -> KafkaConsumer:
    return KafkaConsumer(KafkaServer(client={}), ["t"], "group")


def test_what_others_read_meanwhile_does_not_wait(server: FakeKafka, consumer: KafkaConsumer) -> None:
    server.will_answer(range(100))
    assert len(consumer.poll(0, 5_000)) == 100
    server.mine = set()
    consumer.poll(0, 5_000)
    server.mine, server.end = {PLACE}, 1_000_000
    consumer.poll(0, 5_000)
    assert consumer.lag == 0


def test_what_came_while_paused_waits(server: FakeKafka, consumer: KafkaConsumer) -> None:
    consumer.pause()
    server.will_answer(range(100))
    assert consumer.poll(0, 5_000) == ()
    assert consumer.lag == 100
    consumer.resume()
    assert len(consumer.poll(0, 5_000)) == 100
    assert consumer.lag == 0


@pytest.mark.parametrize("polls_meanwhile", [0, 1])
def test_what_came_while_paused_is_left_to_who_has_the_partition(
    server: FakeKafka, consumer: KafkaConsumer, polls_meanwhile: int
) -> None:
    consumer.pause()
    server.will_answer(range(100))
    consumer.poll(0, 5_000)
    server.mine = set()
    for _ in range(polls_meanwhile):
        consumer.poll(0, 5_000)
        server.mine = {PLACE}
    consumer.resume()
    assert list(consumer.poll(0, 5_000)) == []
    assert consumer.lag == 0


def test_what_came_while_paused_is_forgotten_by_seeking(server: FakeKafka, consumer: KafkaConsumer) -> None:
    consumer.pause()
    server.will_answer(range(100))
    consumer.poll(0, 5_000)
    consumer.seek(PLACE, 70)
    consumer.resume()
    assert consumer.lag == 30
    server.will_answer(range(70, 100))
    assert [message.offset for message in consumer.poll(0, 5_000)] == list(range(70, 100))


def test_seeking_another_partition_leaves_what_came_while_paused(server: FakeKafka, consumer: KafkaConsumer) -> None:
    consumer.pause()
    server.will_answer(range(100))
    consumer.poll(0, 5_000)
    consumer.seek(("t", 1), 70)
    consumer.resume()
    assert len(consumer.poll(0, 5_000)) == 100


def test_where_it_went_back_to_is_forgotten_when_it_is_lost_and_comes_back(
    server: FakeKafka, consumer: KafkaConsumer
) -> None:
    server.will_answer(range(100))
    consumer.poll(0, 5_000)
    consumer.seek(PLACE, 70)
    server.listener.on_partitions_revoked({PLACE})
    server.listener.on_partitions_assigned({PLACE})
    assert consumer.sought == {PLACE: 70}
    server.listener.on_partitions_lost({PLACE})
    server.listener.on_partitions_assigned({PLACE})
    assert consumer.sought == {}
