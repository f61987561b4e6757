"""An error in the main thread is heard, whatever the database does meanwhile."""

import threading
from collections.abc import Callable, Mapping, Sequence

import pytest

from sitemon.model.errors import UnreachableError
from sitemon.model.result import Result
from sitemon.model.topic_partition import TopicPartition
from sitemon.record.waiting_thread import WaitingThread
from sitemon.store.positions import Read
from sitemon.store.write import Written
from sitemon.stream.consumer import Message
from sitemon.stream.in_memory import MemoryBroker, MemoryConsumer, MemoryProducer
from sitemon.stream.messenger import result_record
from tests.results import a_result
from tests.unit.record.stage import TOPICS, QuietStore, recorder_of


class Frozen(QuietStore):
    """A store whose write waits until it is aborted for the second time: at the first it was between two waits."""

    def __init__(self) -> None:
        self.is_writing = threading.Event()
        self.aborts = 0
        self._is_ended = threading.Event()

    def abort(self) -> None:
        self.aborts += 1
        if self.aborts == 2:
            self._is_ended.set()

    def write(
        self, results: Sequence[Result], read: Mapping[TopicPartition, Read], on_encoded: Callable[[], None]
    ) -> Written:
        on_encoded()
        self.is_writing.set()
        self._is_ended.wait(20)
        raise UnreachableError("the connection was closed")


class Away(Frozen):
    """A store whose server does not answer."""

    def write(
        self, results: Sequence[Result], read: Mapping[TopicPartition, Read], on_encoded: Callable[[], None]
    ) -> Written:
        on_encoded()
        self.is_writing.set()
        raise UnreachableError("no server answers")


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("store_type", [Frozen, Away])
def test_an_error_while_the_database_is_waited_for_ends_the_recorder(
    store_type: type[Frozen], error: type[BaseException]
) -> None:
    store = store_type()

    class Broken(MemoryConsumer):
        def poll(self, timeout_s: float, max_records: int) -> Sequence[Message]:
            if store.is_writing.is_set():
                raise error
            return super().poll(timeout_s, max_records)

    broker, stop = MemoryBroker(TOPICS, partitions=1), threading.Event()
    assert MemoryProducer(broker).send(result_record(TOPICS, a_result()), 1).wait(1)
    recorder = recorder_of(broker, Broken(broker, [TOPICS.results], "recorder"), store, stop)
    raised: list[BaseException] = []

    def run() -> None:
        try:
            recorder.run()
        except BaseException as exc:  # noqa: BLE001 - handed to the test
            raised.append(exc)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
    assert [type(exc) for exc in raised] == [error]
    assert stop.is_set()


def test_an_error_while_nothing_is_under_way_stops_and_aborts_nothing() -> None:
    stop, aborts = threading.Event(), list[None]()

    def work_and_fail() -> None:
        with WaitingThread(lambda: aborts.append(None), stop) as thread:
            thread.submit(lambda: None).result(10)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        work_and_fail()
    assert (stop.is_set(), aborts) == (False, [])
