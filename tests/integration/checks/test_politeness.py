"""A site's owner is not stormed: only so many checks at once go to one host and port, and nobody else waits for it."""

import queue
import threading
from collections.abc import Hashable, Iterator
from typing import Final

import pytest

from sitemon.checks.fair_threads import FairThreads
from sitemon.checks.findings import Observation
from sitemon.checks.judge.apart import Case
from sitemon.checks.judge.apart_process import TOO_COSTLY
from sitemon.checks.net.dialer import Dialer
from sitemon.checks.net.resolver import Resolver
from sitemon.checks.probes.by_scheme import visit
from sitemon.checks.waiting import IN_THREAD, Waits, run_here
from sitemon.clock import monotonic_s, sleep
from sitemon.local.behaviours import answering, compressed, redirecting, response, silent
from sitemon.local.conversation import Behaviour, Conversation, Server
from sitemon.model.outcome import Outcome
from sitemon.model.site import Proxy
from tests.integration.checks.conftest import EngineFactory, ServerFactory, observed, site, thread_count
from tests.integration.checks.test_engine import wait_until
from tests.integration.checks.test_timing import phases_sum_s

SLOW_S: Final = 0.3


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
    engine = make_engine(at_once=32, per_host=5)
    found: queue.SimpleQueue[Observation] = queue.SimpleQueue()
    for number in range(30):
        engine.submit(site(server.url(f"/{number}")), found.put)
    assert {found.get(timeout=10).outcome for _ in range(30)} == {Outcome.UP}
    assert behave.most == 5


def test_twenty_are_usual(make_engine: EngineFactory, counting: tuple[Counting, Server]) -> None:
    behave, server = counting
    engine = make_engine(at_once=64)
    found: queue.SimpleQueue[Observation] = queue.SimpleQueue()
    for _ in range(60):
        engine.submit(site(server.url()), found.put)
    assert {found.get(timeout=10).outcome for _ in range(60)} == {Outcome.UP}
    assert behave.most == 20


def test_a_proxy_is_visited_by_so_many_at_once_whatever_hosts_lie_behind_it(
    make_engine: EngineFactory, counting: tuple[Counting, Server]
) -> None:
    """Whoever edits sites may name any host as their proxy."""
    behave, server = counting
    engine = make_engine(at_once=64, per_host=2)
    found: queue.SimpleQueue[Observation] = queue.SimpleQueue()
    for number in range(60):
        behind = site(f"http://shop-{number}.invalid/", proxy=Proxy("127.0.0.1", server.port))
        engine.submit(behind, found.put)
    assert {found.get(timeout=10).outcome for _ in range(60)} == {Outcome.UP}
    assert 2 < behave.most <= 5 * 2


def test_those_who_wait_hold_no_thread_and_nobody_else_waits_for_them(
    make_engine: EngineFactory, serve: ServerFactory
) -> None:
    """Far more checks than threads wait for one host, and yet another host is visited at once."""
    busy = serve(silent)
    before = thread_count()
    engine = make_engine(at_once=8, per_host=3)
    for _ in range(200):
        engine.submit(site(busy.url(), timeout_s=5.0), lambda _: None)
    seen = observed(engine, site(serve(answering(response())).url()))
    assert (seen.outcome, seen.latency_s < 2) == (Outcome.UP, True)
    assert thread_count() - before <= 4
    assert len(busy.asked) <= 3


def test_another_port_is_another_place(make_engine: EngineFactory, serve: ServerFactory) -> None:
    busy = serve(silent)
    engine = make_engine(at_once=4, per_host=1)
    engine.submit(site(busy.url(), timeout_s=5.0), lambda _: None)
    assert observed(engine, site(serve(answering(response())).url())).outcome is Outcome.UP


def test_waiting_for_a_turn_is_lateness_and_no_latency(make_engine: EngineFactory, serve: ServerFactory) -> None:
    def slow(client: Conversation) -> None:
        client.asked()
        sleep(SLOW_S)
        client.send(response())

    url = serve(slow).url()
    engine = make_engine(at_once=8, per_host=1)
    found: queue.SimpleQueue[Observation] = queue.SimpleQueue()
    for _ in range(5):
        engine.submit(site(url, timeout_s=SLOW_S * 3), found.put)
    seen = [found.get(timeout=10) for _ in range(5)]
    assert {one.outcome for one in seen} == {Outcome.UP}, "those who waited longest had waited longer than the timeout"
    assert max(one.latency_s for one in seen) < SLOW_S * 3
    assert (max(one.checked_at for one in seen) - min(one.checked_at for one in seen)).total_seconds() >= SLOW_S * 4


def test_turns_come_in_the_order_in_which_they_were_asked_for(make_engine: EngineFactory, serve: ServerFactory) -> None:
    server = serve(answering(response()))
    engine = make_engine(at_once=8, per_host=1)
    found: queue.SimpleQueue[Observation] = queue.SimpleQueue()
    for number in range(20):
        engine.submit(site(server.url(f"/{number}")), found.put)
    for _ in range(20):
        found.get(timeout=10)
    assert [asked.target for asked in server.asked] == [f"/{number}" for number in range(20)]


def test_redirects_from_several_hosts_take_turns_at_the_one_that_they_lead_to(
    make_engine: EngineFactory, serve: ServerFactory, counting: tuple[Counting, Server]
) -> None:
    behave, server = counting
    engine = make_engine(at_once=32, per_host=4)
    found: queue.SimpleQueue[Observation] = queue.SimpleQueue()
    for door in [serve(redirecting({"/": server.url("/shop")})) for _ in range(3)]:
        for _ in range(6):
            engine.submit(site(door.url()), found.put)
    for _ in range(6):
        engine.submit(site(server.url()), found.put)
    assert {found.get(timeout=10).outcome for _ in range(24)} == {Outcome.UP}
    assert behave.most == 4


def test_sites_that_redirect_to_each_other_do_not_wait_for_each_other(
    make_engine: EngineFactory, serve: ServerFactory
) -> None:
    ports: dict[str, int] = {}

    def to(other: str) -> Behaviour:
        def behave(client: Conversation) -> None:
            redirecting({"/": f"http://127.0.0.1:{ports[other]}/end"})(client)

        return behave

    servers = {"east": serve(to("west")), "west": serve(to("east"))}
    ports |= {name: server.port for name, server in servers.items()}
    engine = make_engine(at_once=4, per_host=1)
    found: queue.SimpleQueue[Observation] = queue.SimpleQueue()
    for _ in range(20):
        for server in servers.values():
            engine.submit(site(server.url()), found.put)
    seen = [found.get(timeout=10) for _ in range(40)]
    assert {(one.outcome, one.redirects) for one in seen} == {(Outcome.UP, 1)}


def hangs_at_one_page(client: Conversation) -> None:
    if client.asked().target == "/hang":
        client.hold()
    client.send(response())


@pytest.fixture
def busy(serve: ServerFactory) -> Server:
    return serve(hangs_at_one_page)


@pytest.fixture
def door(serve: ServerFactory, busy: Server) -> Server:
    return serve(redirecting({"/": busy.url("/shop")}))


def test_nor_is_that_for_one_at_a_redirects_host(make_engine: EngineFactory, busy: Server, door: Server) -> None:
    engine = make_engine(per_host=1)
    engine.submit(site(busy.url("/hang"), timeout_s=1.5), lambda _: None)
    wait_until(lambda: len(busy.asked) == 1, 5)
    began_s = monotonic_s()
    seen = observed(engine, site(door.url(), timeout_s=4.0))
    assert monotonic_s() - began_s - seen.latency_s > 0.4
    assert (seen.outcome, seen.redirects) == (Outcome.UP, 1)
    assert sum(phases_sum_s(hop) for hop in seen.hops) == pytest.approx(seen.latency_s, abs=0.002)


def test_a_redirect_that_gets_no_turn_in_time_is_made_again(
    make_engine: EngineFactory, busy: Server, door: Server
) -> None:
    engine = make_engine(per_host=1)
    found: queue.SimpleQueue[Observation] = queue.SimpleQueue()
    engine.submit(site(busy.url("/hang"), timeout_s=1.0), lambda _: None)
    wait_until(lambda: len(busy.asked) == 1, 5)
    engine.submit(site(door.url(), timeout_s=0.3), found.put, lambda: True)
    assert found.get(timeout=10).outcome is Outcome.UP
    assert len(door.asked) > 1


def test_for_turns_a_check_waits_no_longer_than_its_timeout_in_all(serve: ServerFactory, door: Server) -> None:
    allowed_s, left_s = list[float](), [0.5]

    async def move(_: Hashable, waits: Waits, timeout_s: float) -> None:
        began_s = monotonic_s()
        allowed_s.append(timeout_s)
        await waits.event().wait(0.2)
        left_s.append(left_s[-1] - (monotonic_s() - began_s))
        if len(allowed_s) == 3:
            raise TimeoutError

    first = serve(redirecting({"/": door.url()}))
    began_s = monotonic_s()
    seen = run_here(visit(site(first.url(), timeout_s=0.5), Dialer(Resolver()), IN_THREAD, move))
    assert monotonic_s() - began_s - seen.latency_s > 0.5
    assert allowed_s == pytest.approx([max(0.0, one_s) for one_s in left_s[:3]], abs=0.1)
    assert seen.is_ours
    assert str(seen.error).endswith("/shop: this process had too many other checks at the redirect's host (connect)")


def test_a_host_is_free_while_what_came_from_it_is_judged_apart(
    make_engine: EngineFactory, serve: ServerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases: queue.SimpleQueue[Case] = queue.SimpleQueue()
    monkeypatch.setattr(FairThreads, "take", lambda _, __, ___, case: cases.put(case))
    packed = serve(answering(compressed(b"hello")))
    door = serve(redirecting({"/": packed.url()}))
    engine = make_engine(per_host=1)
    found: queue.SimpleQueue[Observation] = queue.SimpleQueue()
    for url in (packed.url(), door.url()):
        engine.submit(site(url), found.put)
    for case in [cases.get(timeout=5) for _ in range(2)]:
        case.verdict = TOO_COSTLY
        case.is_decided.set()
    assert {found.get(timeout=5).redirects for _ in range(2)} == {0, 1}


def test_guests_who_have_all_turns_hold_up_no_other_host(make_engine: EngineFactory, serve: ServerFactory) -> None:
    busy = serve(silent)
    door = serve(redirecting({"/": busy.url()}))
    engine = make_engine(at_once=4, per_host=2)
    for _ in range(2):
        engine.submit(site(door.url(), timeout_s=5.0), lambda _: None)
    wait_until(lambda: len(busy.asked) == 2, 5)
    for _ in range(20):
        engine.submit(site(busy.url(), timeout_s=5.0), lambda _: None)
    assert observed(engine, site(serve(answering(response())).url())).outcome is Outcome.UP
    assert len(busy.asked) == 2
