"""What every producer keeps to."""

import random

import pytest

from sitemon.model.errors import PoisonError, UnreachableError
from sitemon.stream.producer import Record
from tests.contract.stream.conftest import BACKENDS, Backend, publish, read, result_value


def test_the_versions_include_kafka() -> None:
    assert set(BACKENDS) == {"memory", "kafka"}


def test_an_acknowledged_record_can_be_read_with_all_its_parts(backend: Backend) -> None:
    record = Record(backend.topics.dead_letters, b"key\x00\xff", b"value\x00\xff", (("a", b"\xff"), ("a", b"")))
    publish(backend.producer(), [record])
    (message,) = read(backend.consumer(record.topic), 1)
    assert (message.topic, message.key, message.value, message.headers) == record
    assert (message.partition, message.offset) == (0, 0)


def test_it_knows_its_cluster_as_the_next_one_does(backend: Backend) -> None:
    first = backend.producer().cluster
    assert first
    assert backend.producer().cluster == first


def test_a_tombstone_is_a_message_without_value(backend: Backend) -> None:
    publish(backend.producer(), [Record(backend.topics.schedule, b"shop", None)])
    (message,) = read(backend.consumer(backend.topics.schedule), 1)
    assert (message.key, message.value) == (b"shop", None)


def test_the_records_of_a_key_stay_in_order(backend: Backend) -> None:
    values = [(b"site%d" % (n % 5), result_value(f"site{n % 5}", n)) for n in range(200)]
    publish(backend.producer(), [Record(backend.topics.results, *pair) for pair in values])
    found = read(backend.consumer(), 200)
    assert len({message.partition for message in found}) > 1
    for key in {key for key, _ in values}:
        assert [m.value for m in found if m.key == key] == [value for k, value in values if k == key]


def test_waiting_again_for_an_acknowledged_record_says_so_again(backend: Backend) -> None:
    delivery = backend.producer().send(Record(backend.topics.schedule, b"k", b"v"), 5.0)
    assert delivery.wait(10.0)
    assert delivery.wait(0.0)


def test_a_record_larger_than_its_topic_takes_is_poison_and_the_next_producer_is_sound(backend: Backend) -> None:
    producer = backend.producer()
    with pytest.raises(PoisonError) as caught:
        producer.send(Record(backend.topics.schedule, b"k", incompressible(3 << 20)), 5.0).wait(10.0)
    assert caught.value.reason == "too_large"
    publish(backend.producer(), [Record(backend.topics.schedule, b"k", b"v")])
    assert [m.value for m in read(backend.consumer(backend.topics.schedule), 1)] == [b"v"]


def test_a_dead_letter_may_be_larger(backend: Backend) -> None:
    value = incompressible(3 << 20)
    publish(backend.producer(), [Record(backend.topics.dead_letters, b"k", value)])
    assert [m.value for m in read(backend.consumer(backend.topics.dead_letters), 1)] == [value]


def test_a_topic_that_does_not_exist_takes_nothing(backend: Backend) -> None:
    producer = backend.producer()
    with pytest.raises(UnreachableError, match="nowhere"):
        producer.send(Record("nowhere", b"k", b"v"), 1.0)
    assert list(producer.close(1.0)) == []


def test_closing_delivers_what_is_in_flight(backend: Backend) -> None:
    producer = backend.producer()
    sent = [Record(backend.topics.schedule, b"k", b"%d" % n) for n in range(50)]
    for record in sent:
        producer.send(record, 5.0)
    assert list(producer.close(10.0)) == []
    assert [m.value for m in read(backend.consumer(backend.topics.schedule), 50)] == [record.value for record in sent]


def test_a_closed_producer_sends_nothing(backend: Backend) -> None:
    producer = backend.producer()
    producer.close(5.0)
    with pytest.raises(UnreachableError):
        producer.send(Record(backend.topics.schedule, b"k", b"v"), 5.0)


def incompressible(size_bytes: int) -> bytes:
    return random.Random(7).randbytes(size_bytes)
