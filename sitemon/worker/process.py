"""What a worker process has once: its engine, its publisher, its sites. Made on first use, anew after a fork."""

import os
import threading
from collections.abc import Sequence
from ctypes import c_bool
from functools import cache, cached_property
from multiprocessing.sharedctypes import RawValue

from sitemon import clock
from sitemon.checks.requests_engine import engine_for
from sitemon.config.servers import KafkaServer, kafka_server
from sitemon.config.settings import Settings, settings
from sitemon.config.sites import SitesWatcher
from sitemon.model.result import Result
from sitemon.stream.messages import result_record
from sitemon.stream.publisher import Publisher, publisher_of_this_process
from sitemon.stream.topics import topics_of
from sitemon.worker.batch import Work

_lock = threading.Lock()
_process: "Process | None" = None
_is_stopping = RawValue(c_bool, False)  # shared with the children of a prefork pool


def stop(**_: object) -> None:
    """Make every batch of this worker give back what it has not finished: the worker was asked to end."""
    _is_stopping.value = True


def is_stopping() -> bool:
    """Tell whether the worker was asked to end."""
    return bool(_is_stopping.value)


class Process:
    """The checks, results and sites of one worker process."""

    def __init__(self, kafka: KafkaServer, choices: Settings) -> None:
        self.pid = os.getpid()
        self.ready_at_ms = clock.now_ms()
        self.settings = choices
        self.engine = engine_for(choices)
        self.publisher: Publisher = publisher_of_this_process(kafka, choices)
        self.watcher = sites_watcher()
        self._topics = topics_of(kafka)

    @cached_property
    def work(self) -> Work:
        """What a batch of slots needs."""
        return Work(
            sites=self.watcher.current,
            refreshed_sites=self.watcher.refresh,
            engine=self.engine,
            publish=self.publish,
            region=self.settings.region,
            ready_at_ms=self.ready_at_ms,
            is_stopping=is_stopping,
        )

    def deliver(self, result: Result, timeout_s: float) -> None:
        """Return once Kafka itself has the result; raise UnreachableError when it does not take it in time."""
        self.publisher.deliver(result_record(self._topics, result), timeout_s)

    def publish(self, results: Sequence[Result]) -> None:
        """Return once the results are acknowledged by Kafka or safe in the spool.

        Raises:
            SpoolFullError: neither takes them, and the worker was asked to end.

        """
        records = [result_record(self._topics, result) for result in results]
        self.publisher.publish(records, give_up=is_stopping)


@cache
def sites_watcher() -> SitesWatcher:
    """Return the one watcher of the sites. The children of a prefork pool inherit it, with what it last read well.

    Raises:
        ConfigurationError: the first time, with every mistake in the sites.

    """
    return SitesWatcher()


def this_process() -> Process:
    """Return this process' own; threads and connections do not live on in a forked child."""
    global _process  # noqa: PLW0603  # one a process is what this module is for
    with _lock:
        if _process is None or _process.pid != os.getpid():
            _process = Process(kafka_server(), settings(os.environ))
        return _process


os.register_at_fork(after_in_child=lambda: globals().update(_lock=threading.Lock()))
