"""While something takes long, the recorder stays in its group, and sees soon that it has ended."""

import threading
from collections.abc import Callable, Mapping, Sequence

import pytest

from sitemon.model.result import Result
from sitemon.model.topic_partition import TopicPartition
from sitemon.record import recorder as module
from sitemon.record.batch import Rejected
from sitemon.record.dead_letter_limit import DeadLetterLimit
from sitemon.store.positions import Read
from sitemon.store.write import Written
from sitemon.stream.consumer import Message
from sitemon.stream.in_memory import MemoryBroker, MemoryConsumer, MemoryProducer
from sitemon.stream.messenger import result_record
from tests.results import a_result
from tests.unit.record.stage import TOPICS, QuietStore, recorder_of


class Slow(QuietStore):
    """A store and a box of dead letters; one of them ends only after three polls."""

    def __init__(self, *, is_store: bool) -> None:
        self.is_ended = threading.Event()
        self.did_end = False
        self._is_store = is_store

    def write(
        self, results: Sequence[Result], read: Mapping[TopicPartition, Read], on_encoded: Callable[[], None]
    ) -> Written:
        on_encoded()
        if self._is_store:
            self.did_end = self.is_ended.wait(10)
        return Written(len(results))

    def send(self, rejected: Sequence[Rejected], stop: threading.Event) -> bool:
        if not self._is_store:
            self.did_end = self.is_ended.wait(10)
        return True


@pytest.mark.parametrize("is_store", [True, False], ids=["store", "dead letters"])
def test_while_servers_take_long_it_polls_on_and_briefly(monkeypatch: pytest.MonkeyPatch, is_store: bool) -> None:
    monkeypatch.setattr(module, "_WAIT_BEFORE_PAUSE_S", 0.1)
    slow, stop, polls_s = Slow(is_store=is_store), threading.Event(), list[float]()

    class Patient(MemoryConsumer):
        def poll(self, timeout_s: float, max_records: int) -> Sequence[Message]:
            if self._is_paused:
                polls_s.append(timeout_s)
                if len(polls_s) == 3:
                    slow.is_ended.set()
            return super().poll(timeout_s, max_records)

    broker = MemoryBroker(TOPICS, partitions=1)
    assert MemoryProducer(broker).send(result_record(TOPICS, a_result()), 1).wait(1)
    with broker.changed:
        broker.logs[TOPICS.results, 0].append(Message(TOPICS.results, 0, 1, b"key", b"junk", 1_000))
    consumer = Patient(broker, [TOPICS.results], "recorder")
    other = {"dead_letters": slow, "limit": DeadLetterLimit(1.0), "report": lambda _: stop.set()}
    recorder_of(broker, consumer, slow, stop, **other).run()
    assert slow.did_end
    assert set(polls_s) == {0.1}
    assert sum(broker.committed.values()) == 2
