"""A site's owner is not stormed: only so many checks at once go to one host and port, and nobody else waits for it."""

import queue
import threading
from collections.abc import Iterator
from typing import Final

import pytest

from sitemon.checks.engine import Observation
from sitemon.clock import sleep
from sitemon.local.behaviours import answering, response, silent
from sitemon.local.conversation import Conversation, Server
from sitemon.model.outcome import Outcome
from tests.integration.checks.conftest import EngineFactory, ServerFactory, observed, site, thread_count

SLOW_S: Final = 0.15


class Counting:
    """A slow site that counts how many are there at once."""

    def __init__(self) -> None:
        self.most = 0
        self.may_answer = threading.Event()
        self._there = 0
        self._lock = threading.Lock()

    def __call__(self, client: Conversation) -> None:
        client.asked()
        with self._lock:
            self._there += 1
            self.most = max(self.most, self._there)
        self.may_answer.wait(SLOW_S)
        with self._lock:
            self._there -= 1
        client.send(response())


@pytest.fixture
def counting(serve: ServerFactory) -> Iterator[tuple[Counting, Server]]:
    behave = Counting()
    yield behave, serve(behave)
    behave.may_answer.set()


def test_one_host_and_port_is_visited_by_so_many_at_once(
    make_engine: EngineFactory, counting: tuple[Counting, Server]
) -> None:
    behave, server = counting
    engine = make_engine(threads=32, per_host=5)
    found: queue.SimpleQueue[Observation] = queue.SimpleQueue()
    for number in range(30):
        engine.submit(site(server.url(f"/{number}")), found.put)
    assert {found.get(timeout=10).outcome for _ in range(30)} == {Outcome.UP}
    assert behave.most == 5


def test_twenty_are_usual(make_engine: EngineFactory, counting: tuple[Counting, Server]) -> None:
    behave, server = counting
    engine = make_engine(threads=64)
    found: queue.SimpleQueue[Observation] = queue.SimpleQueue()
    for _ in range(60):
        engine.submit(site(server.url()), found.put)
    assert {found.get(timeout=10).outcome for _ in range(60)} == {Outcome.UP}
    assert behave.most == 20


def test_those_who_wait_hold_no_thread_and_nobody_else_waits_for_them(
    make_engine: EngineFactory, serve: ServerFactory
) -> None:
    """Far more checks than threads wait for one host, and yet another host is visited at once."""
    busy = serve(silent)
    before = thread_count()
    engine = make_engine(threads=8, per_host=3)
    for _ in range(200):
        engine.submit(site(busy.url(), timeout_s=5.0), lambda _: None)
    seen = observed(engine, site(serve(answering(response())).url()))
    assert (seen.outcome, seen.latency_s < 2) == (Outcome.UP, True)
    assert thread_count() - before <= 4
    assert len(busy.asked) <= 3


def test_another_port_is_another_place(make_engine: EngineFactory, serve: ServerFactory) -> None:
    busy = serve(silent)
    engine = make_engine(threads=4, per_host=1)
    engine.submit(site(busy.url(), timeout_s=5.0), lambda _: None)
    assert observed(engine, site(serve(answering(response())).url())).outcome is Outcome.UP


def test_waiting_for_a_turn_is_lateness_and_no_latency(make_engine: EngineFactory, serve: ServerFactory) -> None:
    def slow(client: Conversation) -> None:
        client.asked()
        sleep(SLOW_S)
        client.send(response())

    url = serve(slow).url()
    engine = make_engine(threads=8, per_host=1)
    found: queue.SimpleQueue[Observation] = queue.SimpleQueue()
    for _ in range(5):
        engine.submit(site(url, timeout_s=SLOW_S * 3), found.put)
    seen = [found.get(timeout=10) for _ in range(5)]
    assert {one.outcome for one in seen} == {Outcome.UP}, "those who waited longest had waited longer than the timeout"
    assert max(one.latency_s for one in seen) < SLOW_S * 3
    assert (max(one.checked_at for one in seen) - min(one.checked_at for one in seen)).total_seconds() >= SLOW_S * 4


def test_turns_come_in_the_order_in_which_they_were_asked_for(make_engine: EngineFactory, serve: ServerFactory) -> None:
    server = serve(answering(response()))
    engine = make_engine(threads=8, per_host=1)
    found: queue.SimpleQueue[Observation] = queue.SimpleQueue()
    for number in range(20):
        engine.submit(site(server.url(f"/{number}")), found.put)
    for _ in range(20):
        found.get(timeout=10)
    assert [asked.target for asked in server.asked] == [f"/{number}" for number in range(20)]
