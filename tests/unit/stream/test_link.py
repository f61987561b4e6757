"""The link has one producer at a time, and says a change once."""

from collections.abc import Sequence

import pytest

from sitemon.model.errors import UnreachableError
from sitemon.stream.link import Link
from sitemon.stream.producer import Delivery, Record


class AProducer:
    def __init__(self) -> None:
        self.closed_within_s: list[float] = []

    @property
    def cluster(self) -> str:
        raise NotImplementedError("a link does not ask")

    def send(self, record: Record, timeout_s: float) -> Delivery:
        raise NotImplementedError("a link makes and closes producers, and never sends")

    def close(self, timeout_s: float) -> Sequence[Record]:
        self.closed_within_s.append(timeout_s)
        return ()


def test_there_is_no_producer_before_one_is_made() -> None:
    link = Link(AProducer)
    assert link.producer(0.0) is None
    assert link.ensure() is link.ensure() is link.producer(0.0)


def test_a_new_producer_takes_the_place_of_the_old_one_which_is_closed() -> None:
    link = Link(old := AProducer)
    first = link.ensure()
    second = link.renew()
    assert isinstance(first, old)
    assert first.closed_within_s == [0.0]
    assert link.producer(0.0) is second is not first


def test_the_old_producer_stays_when_there_is_no_new_one() -> None:
    answers: list[AProducer | None] = [first := AProducer(), None]

    def connect() -> AProducer:
        if (answer := answers.pop(0)) is None:
            raise UnreachableError("away")
        return answer

    link = Link(connect)
    link.ensure()
    with pytest.raises(UnreachableError):
        link.renew()
    assert link.producer(0.0) is first
    assert first.closed_within_s == []


def test_a_failed_producer_is_dropped_once_and_not_its_successor() -> None:
    link = Link(AProducer)
    failed = link.ensure()
    assert isinstance(failed, AProducer)
    link.drop(failed, UnreachableError("expired"))
    link.drop(failed, UnreachableError("expired"))
    assert failed.closed_within_s == [0.0]
    successor = link.ensure()
    link.drop(failed, UnreachableError("expired"))
    link.back(0)
    assert link.producer(0.0) is successor


def test_while_kafka_is_away_nobody_gets_the_producer() -> None:
    link = Link(AProducer)
    producer = link.ensure()
    link.away("frozen")
    assert link.is_away
    assert link.producer(60.0) is None
    link.back(0)
    assert link.producer(60.0) is producer


def test_each_change_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    link = Link(AProducer)
    for _ in range(2):
        link.away("no acknowledgement within 5 s")
        link.away(UnreachableError("connection refused"))
        link.back(1234)
        link.back(17)
    assert [entry.message for entry in caplog.records] == [
        "kafka.away: results go to the spool: no acknowledgement within 5 s",
        "kafka.connected: Kafka takes results again, 1,234 wait in the spool",
    ] * 2
