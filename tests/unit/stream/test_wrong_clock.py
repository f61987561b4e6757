"""Kafka refuses what is stamped by a clock that is wrong: it waits, for hours perhaps, and that is said once."""

import pytest

from sitemon.model.errors import UnreachableError
from sitemon.stream.in_memory import MemoryProducer
from sitemon.stream.producer import Delivery, Record
from sitemon.stream.spool_folder import open_spool
from tests.unit.stream.conftest import SERVERS, Rig, event, eventually


class LateProducer(MemoryProducer):
    """As one of a machine whose clock is wrong: each delivery fails."""

    def send(self, record: Record, timeout_s: float) -> Delivery:
        return Late()


class Late:
    def wait(self, timeout_s: float) -> bool:
        raise UnreachableError("topic t.schedule: a wrong clock")


def test_why_it_takes_nothing_now_is_said_once_however_often_it_is_tried(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("sitemon.stream.drain._RETRY_S", 0.01)
    caplog.set_level("INFO")
    tries = iter([LateProducer(rig.broker) for _ in range(5)])
    left = open_spool(rig.folder, 1 << 20, SERVERS)
    left.append([event("k", number) for number in range(3)])
    left.close()
    rig.publisher(connect=lambda: next(tries, None) or MemoryProducer(rig.broker))
    eventually(lambda: rig.values() == [b"0", b"1", b"2"])
    assert next(tries, None) is None
    eventually(lambda: "kafka.connected" in caplog.text)
    assert [entry.getMessage().partition(": ")[0] for entry in caplog.records] == [
        "kafka.away",
        "kafka.producer_given_up",
        "kafka.connected",
    ]
