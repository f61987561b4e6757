"""A thousand checks that hang, each in its own way, end in time and leave nothing behind."""

import contextlib
import queue
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Final

import pytest

from sitemon.checks.findings import Observation
from sitemon.checks.net.resolver import Endpoint
from sitemon.model.outcome import Reason
from sitemon.model.site import Tls
from tests.integration.checks.conftest import EngineFactory, site, starved_s
from tests.integration.checks.test_engine import wait_until

CHECKS: Final = 1000
LEEWAY_S: Final = 0.2


@pytest.fixture
def mute() -> Iterator[dict[str, int]]:
    """Ports where nobody ever answers, without a thread of ours: the kernel accepts, and takes what is sent."""
    with contextlib.ExitStack() as open_sockets:
        listener = open_sockets.enter_context(socket.create_server(("127.0.0.1", 0), backlog=2048))
        datagrams = open_sockets.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        datagrams.bind(("127.0.0.1", 0))
        full = open_sockets.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        open_sockets.enter_context(socket.create_connection(full.getsockname()))
        yield {
            "tcp": listener.getsockname()[1],
            "udp": datagrams.getsockname()[1],
            "full": full.getsockname()[1],
        }


@pytest.mark.usefixtures("frozen_heap")
@pytest.mark.parametrize(("at_once", "per_host", "timeout_s"), [(64, 20, 0.25), (CHECKS, CHECKS, 1.0)])
def test_a_thousand_hung_checks_end_in_time_and_leave_no_thread_behind(
    at_once: int, per_host: int, timeout_s: float, make_engine: EngineFactory, mute: dict[str, int]
) -> None:
    released = threading.Event()

    def lookup(host: str) -> tuple[Endpoint, ...]:
        released.wait(30.0)  # as the system's resolver, which gives up later than its checks
        raise socket.gaierror(socket.EAI_AGAIN, host)

    ways = [
        (f"http://127.0.0.1:{mute['tcp']}/", "first_byte"),
        (f"https://127.0.0.1:{mute['tcp']}/", "tls"),
        (f"tls://127.0.0.1:{mute['tcp']}", "tls"),
        (f"tcp://127.0.0.1:{mute['full']}", "connect"),
        (f"dns://127.0.0.1:{mute['udp']}/shop.test", "first_byte"),
        ("http://{}.dead.test/", "dns"),
    ]
    before = threading.active_count()
    engine = make_engine(at_once=at_once, per_host=per_host, lookup=lookup)
    found: queue.SimpleQueue[tuple[str, Observation]] = queue.SimpleQueue()
    for number in range(CHECKS):
        url, phase = ways[number % len(ways)]
        watched = site(url.format(number), timeout_s=timeout_s, tls=Tls(verify=False))
        engine.submit(watched, lambda seen, phase=phase: found.put((phase, seen)))  # type: ignore[misc]  # one argument
    outcomes = [found.get(timeout=30) for _ in range(CHECKS)]
    assert Counter(seen.reason for _, seen in outcomes) == {Reason.TIMEOUT: CHECKS}
    assert [seen.error for phase, seen in outcomes if not (seen.error or "").endswith(f"({phase})")] == []
    assert max(seen.latency_s for _, seen in outcomes) < timeout_s + LEEWAY_S + starved_s()
    released.set()
    wait_until(lambda: threading.active_count() <= before, 30)
