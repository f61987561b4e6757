"""What one thread for all checks promises, however many there are."""

import collections
import contextlib
import errno
import functools
import queue
import select
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Final

import pytest

from sitemon.checks.engine.loop_engine import LoopEngine
from sitemon.checks.engine.protocol import Done, Engine
from sitemon.checks.findings import Observation
from sitemon.checks.loop import Loop
from sitemon.checks.net.dialer import Dialer
from sitemon.checks.net.exchange import BoundedSocket
from sitemon.checks.net.happy_eyeballs import connect_tcp
from sitemon.checks.net.resolver import Endpoint, Resolver
from sitemon.checks.poller import Poll
from sitemon.local.behaviours import answering, redirecting, response
from sitemon.local.conversation import Behaviour, Conversation
from sitemon.model.outcome import Outcome, Reason
from sitemon.model.site import Proxy, Site
from sitemon.model.target import target_of
from tests.integration.checks.conftest import ServerFactory, observed, site, starved_s, thread_count
from tests.integration.checks.test_engine import wait_until

POLLERS: Final = [poller for poller in (getattr(select, "epoll", None), Poll) if poller]
CHECKS: Final = 1000
TIMEOUT_S: Final = 4.0
LEEWAY_S: Final = 0.2


@pytest.fixture(params=POLLERS)
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """Return an engine; what it promises, it does with what each kind of system has."""
    monkeypatch.setattr("sitemon.checks.loop.new_poller", request.param)
    made = LoopEngine(CHECKS + 10, per_host=CHECKS, dialer=Dialer(Resolver()))
    yield made
    made.close(5)


@pytest.fixture
def mute_port() -> Iterator[int]:
    """A port where nobody ever answers: the kernel accepts, and takes what is sent."""
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
        yield listener.getsockname()[1]


def begin(engine: Engine, hangs: Site, done: Done) -> None:
    """Have a check made, and return when it begins."""
    has_begun = threading.Event()

    def is_wanted() -> bool:
        has_begun.set()
        return True

    engine.submit(hangs, done, is_wanted)
    assert has_begun.wait(30)


def test_a_thousand_hung_checks_take_one_thread_end_in_time_and_hold_up_nobody(
    engine: Engine, mute_port: int, serve: ServerFactory
) -> None:
    before = thread_count()
    hung: queue.SimpleQueue[Observation] = queue.SimpleQueue()
    for _ in range(CHECKS):
        engine.submit(site(f"http://127.0.0.1:{mute_port}/", timeout_s=TIMEOUT_S), hung.put)
    living = serve(answering(response()))
    for _ in range(5):
        seen = observed(engine, site(living.url(), timeout_s=5.0))
        assert seen.outcome is Outcome.UP, seen.error
        assert hung.empty(), "the machine is too slow for this test to tell anything"
    assert thread_count() <= before + 1, "threads of other tests may only have ended meanwhile"
    found = [hung.get(timeout=30) for _ in range(CHECKS)]
    assert {seen.reason for seen in found} == {Reason.TIMEOUT}
    assert max(seen.latency_s for seen in found) < TIMEOUT_S + LEEWAY_S + starved_s()


def test_however_many_may_hang_for_minutes_half_of_the_room_is_for_the_others(
    mute_port: int, serve: ServerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sitemon.checks.engine.jobs._USUAL_TIMEOUT_S", 0.9)
    patient_s = 3.0
    living = serve(answering(response())).url()
    hung: queue.SimpleQueue[Observation] = queue.SimpleQueue()
    engine = LoopEngine(4, per_host=20, dialer=Dialer(Resolver()))
    for _ in range(6):
        engine.submit(site(f"http://127.0.0.1:{mute_port}/", timeout_s=patient_s), hung.put)
    assert [observed(engine, site(living, timeout_s=0.9)).outcome for _ in range(5)] == [Outcome.UP] * 5
    assert hung.empty()
    engine.submit(site(living, timeout_s=patient_s), hung.put)
    found = [hung.get(timeout=90) for _ in range(7)]
    engine.close(5)
    assert collections.Counter(seen.reason for seen in found) == {Reason.TIMEOUT: 6, None: 1}


def test_a_check_that_is_put_off_holds_up_no_other_of_its_host(
    mute_port: int, serve: ServerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sitemon.checks.engine.jobs._USUAL_TIMEOUT_S", 0.9)
    patient_s, per_host = 3.0, 4
    living = serve(answering(response())).url()
    hung: queue.SimpleQueue[Observation] = queue.SimpleQueue()
    put_off: queue.SimpleQueue[Observation] = queue.SimpleQueue()
    engine = LoopEngine(4, per_host=per_host, dialer=Dialer(Resolver()))
    for _ in range(2):
        begin(engine, site(f"http://127.0.0.1:{mute_port}/", timeout_s=patient_s), hung.put)
    for _ in range(per_host + 1):
        engine.submit(site(living, timeout_s=patient_s), put_off.put)
    assert [observed(engine, site(living, timeout_s=0.9)).outcome for _ in range(5)] == [Outcome.UP] * 5
    assert hung.empty()
    assert put_off.empty()
    assert [put_off.get(timeout=90).outcome for _ in range(per_host + 1)] == [Outcome.UP] * (per_host + 1)
    engine.close(5)


def test_sites_of_one_file_that_hang_hold_up_those_of_no_other(mute_port: int, serve: ServerFactory) -> None:
    """However many they are, others wait for the first of them to end, and not for all."""
    at_once = 4
    hung: queue.SimpleQueue[Observation] = queue.SimpleQueue()
    others: queue.SimpleQueue[Observation] = queue.SimpleQueue()
    engine = LoopEngine(at_once, per_host=100, dialer=Dialer(Resolver()))
    for _ in range(10 * at_once):
        engine.submit(site(f"http://127.0.0.1:{mute_port}/", timeout_s=0.5, file="a.yaml"), hung.put)
    living = serve(answering(response())).url()
    for _ in range(10 * at_once):
        engine.submit(site(living, file="b.yaml"), others.put)
    assert {others.get(timeout=30).outcome for _ in range(10 * at_once)} == {Outcome.UP}
    assert hung.qsize() <= 3 * at_once
    engine.close(0)


def test_what_a_check_takes_of_the_loops_time_counts_for_the_file_of_its_site(
    serve: ServerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    loops: list[Loop] = []

    class Noted(Loop):
        def __init__(self) -> None:
            super().__init__()
            loops.append(self)

    monkeypatch.setattr("sitemon.checks.engine.loop_engine.Loop", Noted)
    ends: queue.SimpleQueue[float] = queue.SimpleQueue()
    engine = LoopEngine(1, per_host=1, dialer=Dialer(Resolver()))
    engine.submit(
        site(serve(answering(response())).url(), file="a.yaml"),
        lambda _: ends.put(loops[0].owners.of("a.yaml").spent_s),
    )
    assert ends.get(timeout=30) > 0
    assert loops[0].owners.of("b.yaml").spent_s == 0
    engine.close(0)


def test_at_a_host_sites_of_one_file_that_hang_hold_up_those_of_no_other(mute_port: int) -> None:
    """However many they are, others wait for the first of them to end, and not for all."""
    per_host, hung_s = 2, 0.5
    hung: queue.SimpleQueue[Observation] = queue.SimpleQueue()
    others: queue.SimpleQueue[Observation] = queue.SimpleQueue()
    engine = LoopEngine(50, per_host=per_host, dialer=Dialer(Resolver()))
    for _ in range(10 * per_host):
        engine.submit(site(f"http://127.0.0.1:{mute_port}/", timeout_s=hung_s, file="a.yaml"), hung.put)
    for _ in range(per_host):
        engine.submit(site(f"http://127.0.0.1:{mute_port}/", timeout_s=hung_s, file="b.yaml"), others.put)
    for _ in range(per_host):
        others.get(timeout=30)
    assert hung.qsize() <= 3 * per_host
    engine.close(0)


def hanging_at(path: str) -> Behaviour:
    """Answer every request but those for this path."""

    def behave(client: Conversation) -> None:
        if client.asked().target == path:
            client.hold()
        client.send(response())

    return behave


def test_redirects_to_a_host_that_may_hang_there_for_minutes_leave_half_of_it_to_others(serve: ServerFactory) -> None:
    host = serve(hanging_at("/hang"))
    engine = LoopEngine(50, per_host=4, dialer=Dialer(Resolver()))
    for door in [serve(redirecting({"/": host.url("/hang")})) for _ in range(4)]:
        for _ in range(2):
            engine.submit(site(door.url(), timeout_s=300.0, file="a.yaml"), lambda _: None)
    wait_until(lambda: len(host.asked) >= 2, 5)
    other = serve(redirecting({"/": host.url()}))
    for url in (host.url(), other.url()):
        assert observed(engine, site(url, timeout_s=2.0, file="b.yaml")).outcome is Outcome.UP
    assert [asked.target for asked in host.asked].count("/hang") == 2
    engine.close(0)


def test_nor_do_they_take_more_of_a_place_at_a_proxy(serve: ServerFactory) -> None:
    def behave(client: Conversation) -> None:
        target = client.asked().target
        if target.endswith("/hang"):
            client.hold()
        elif target.endswith("/door"):
            client.send(response(b"", status="302 Moved", headers={"Location": "http://127.0.0.9/hang"}))
        else:
            client.send(response())

    server = serve(behave)
    proxy = Proxy("127.0.0.1", server.port)
    engine = LoopEngine(50, per_host=4, dialer=Dialer(Resolver()))
    for number in range(20, 40):
        door = site(f"http://127.0.0.{number}/door", timeout_s=300.0, file="a.yaml", proxy=proxy)
        engine.submit(door, lambda _: None)
    wait_until(lambda: [asked.target for asked in server.asked].count("http://127.0.0.9/hang") >= 2, 5)
    other = site("http://127.0.0.9/", timeout_s=2.0, file="b.yaml", proxy=proxy)
    assert observed(engine, other).outcome is Outcome.UP
    assert [asked.target for asked in server.asked].count("http://127.0.0.9/hang") == 2
    engine.close(0)


def test_sites_of_one_file_that_hang_at_a_host_leave_a_fifth_of_it_to_others(serve: ServerFactory) -> None:
    host = serve(hanging_at("/hang"))
    engine = LoopEngine(50, per_host=5, dialer=Dialer(Resolver()))
    others = site(host.url(), timeout_s=2.0, file="b.yaml")
    assert observed(engine, others).outcome is Outcome.UP
    for _ in range(10):
        engine.submit(site(host.url("/hang"), timeout_s=10.0, file="a.yaml"), lambda _: None)
    wait_until(lambda: len(host.asked) >= 1 + 4, 5)
    assert observed(engine, others).outcome is Outcome.UP
    assert [asked.target for asked in host.asked].count("/hang") == 4
    engine.close(0)


@pytest.mark.parametrize("way", ["udp", "proxy"])
def test_who_asks_by_another_way_holds_up_no_check_of_a_host(mute_port: int, serve: ServerFactory, way: str) -> None:
    living = serve(answering(response())).url()
    hung: queue.SimpleQueue[Observation] = queue.SimpleQueue()
    engine = LoopEngine(50, per_host=1, dialer=Dialer(Resolver()))
    port = target_of(living).port
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as drops:
        drops.bind(("127.0.0.1", port))
        if way == "udp":
            hangs = site(f"dns://127.0.0.1:{port}/name.test", timeout_s=60.0)
        else:
            hangs = site(living, timeout_s=60.0, proxy=Proxy("127.0.0.1", mute_port))
        begin(engine, hangs, hung.put)
        assert observed(engine, site(living)).outcome is Outcome.UP
        assert hung.empty()
        engine.close(0)


@pytest.fixture
def engine_without_files(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Engine]]:
    """An engine that visits a host once at a time, and finds no free file for its first connection."""
    with contextlib.ExitStack() as engines:

        def make(rest_s: float, at_once: int = 4) -> Engine:
            wants: collections.deque[OSError] = collections.deque([OSError(errno.EMFILE, "Too many open files")])

            def connect(endpoint: Endpoint) -> BoundedSocket:
                if wants:
                    raise wants.popleft()
                return connect_tcp(endpoint)

            monkeypatch.setattr("sitemon.checks.engine.jobs._RESTS_S", (rest_s,))
            engine = LoopEngine(at_once, per_host=1, dialer=Dialer(Resolver(), connect))
            engines.callback(engine.close, 0)
            return engine

        yield make


def test_a_check_that_we_had_no_file_for_is_made_again(
    engine_without_files: Callable[..., Engine], serve: ServerFactory
) -> None:
    server = serve(answering(response()))
    assert observed(engine_without_files(0.1), site(server.url())).outcome is Outcome.UP
    assert server.accepted == 1


@pytest.mark.parametrize("at_once", [1, 4])
def test_a_check_that_we_had_no_file_for_holds_up_no_other(
    engine_without_files: Callable[..., Engine], serve: ServerFactory, at_once: int
) -> None:
    url = serve(answering(response())).url()
    later: queue.SimpleQueue[Observation] = queue.SimpleQueue()
    engine = engine_without_files(60, at_once)
    engine.submit(site(url), later.put)
    assert observed(engine, site(url)).outcome is Outcome.UP
    assert later.empty()


def test_checks_that_are_asked_for_from_many_threads_all_come_back(engine: Engine, serve: ServerFactory) -> None:
    url = serve(answering(response())).url()
    found: queue.SimpleQueue[Observation] = queue.SimpleQueue()

    def ask() -> None:
        for _ in range(50):
            engine.submit(site(url), found.put)

    crew = [threading.Thread(target=ask) for _ in range(8)]
    for thread in crew:
        thread.start()
    assert {found.get(timeout=10).outcome for _ in range(400)} == {Outcome.UP}
    for thread in crew:
        thread.join()


def test_checks_that_begin_together_do_not_wait_for_each_other(engine: Engine, refusing_port: int) -> None:
    """What is measured of the first is not the time that it takes us to begin all others."""
    order: queue.SimpleQueue[str] = queue.SimpleQueue()
    are_all_there = threading.Event()

    def begins() -> bool:
        order.put("begun")
        return True

    engine.submit(site(f"http://127.0.0.1:{refusing_port}/"), lambda _: None, lambda: not are_all_there.wait(10))
    for _ in range(200):
        engine.submit(site(f"http://127.0.0.1:{refusing_port}/"), lambda _: order.put("ended"), begins)
    are_all_there.set()
    seen = [order.get(timeout=10) for _ in range(400)]
    assert seen.index("ended") <= 200 // 4


def test_a_check_that_is_asked_for_when_another_ends_is_made(engine: Engine, serve: ServerFactory) -> None:
    """From the engine's own thread, which must not wait for itself."""
    url = serve(answering(response())).url()
    ended = threading.Event()

    def go_on(left: int, _: Observation) -> None:
        if left:
            engine.submit(site(url), functools.partial(go_on, left - 1))
        else:
            ended.set()

    engine.submit(site(url), functools.partial(go_on, 20))
    assert ended.wait(10)


def test_a_thousand_checks_that_end_at_once_do_not_pile_up(engine: Engine) -> None:
    """A blocked address needs no waiting at all: each would begin the next, one inside the other."""
    found: queue.SimpleQueue[Observation] = queue.SimpleQueue()
    for _ in range(3 * CHECKS):
        engine.submit(site("http://169.254.169.254:9/"), found.put)
    assert {found.get(timeout=10).reason for _ in range(3 * CHECKS)} == {Reason.BLOCKED_ADDRESS}
