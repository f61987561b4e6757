"""An engine that is late, or was stopped: what it found is about the sites, not about itself."""

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import queue
import select
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest

from sitemon.checks.engine.loop_engine import LoopEngine
from sitemon.checks.findings import Observation
from sitemon.checks.net.aside import Work, _aside_of_process
from sitemon.checks.net.dialer import Dialer
from sitemon.checks.net.exchange import BoundedSocket
from sitemon.checks.net.happy_eyeballs import connect_tcp
from sitemon.checks.net.resolver import Endpoint, Resolver
from sitemon.checks.waiting import IN_THREAD
from sitemon.clock import sleep
from sitemon.local.behaviours import answering, never_reads, response
from sitemon.local.conversation import Behaviour, Conversation
from sitemon.model.outcome import Outcome, Reason
from sitemon.model.site import Proxy, Site, Tls
from tests.integration.checks.certificates import new_leaf, write_chain
from tests.integration.checks.conftest import (
    Authority,
    EngineFactory,
    ServerFactory,
    TlsServerFactory,
    demanding_certificates,
    observed,
    site,
)
from tests.integration.checks.test_engine import wait_until

TIMEOUT_S: Final = 2.0
ANSWER_S: Final = 0.3
STOPPED_S: Final = 2.5
CHECKS: Final = 40


def check_all(sites: Sequence[Site], pipe: multiprocessing.connection.Connection) -> None:
    """Check them all at once and send what was found; runs in a process of its own."""
    engine = LoopEngine(len(sites), per_host=len(sites), dialer=Dialer(Resolver()))
    found: queue.SimpleQueue[Observation] = queue.SimpleQueue()
    for one in sites:
        engine.submit(one, found.put)
    pipe.send([found.get(timeout=30) for _ in sites])


@contextlib.contextmanager
def checking(sites: Sequence[Site]) -> Iterator[tuple[int, multiprocessing.connection.Connection]]:
    """Run the checks in another process; give its id, and where its observations come."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=check_all, args=(sites, there))
    process.start()
    try:
        yield process.pid or 0, here
    finally:
        process.kill()
        process.join()


@pytest.mark.parametrize("is_tls", [False, True])
def test_sites_that_answer_while_we_are_stopped_are_up(
    is_tls: bool, serve: ServerFactory, serve_tls: TlsServerFactory, ca: Authority
) -> None:
    answered: queue.SimpleQueue[None] = queue.SimpleQueue()

    def answers_late(client: Conversation) -> None:
        client.asked()
        client.hold_for(ANSWER_S)
        client.send(response())
        answered.put(None)

    server = serve_tls(answers_late, new_leaf(ca.signer)) if is_tls else serve(answers_late)
    with checking([site(server.url(), timeout_s=TIMEOUT_S, tls=ca.tls)] * CHECKS) as (pid, pipe):
        wait_until(lambda: len(server.asked) == CHECKS, 30)
        os.kill(pid, signal.SIGSTOP)
        sleep(STOPPED_S)
        wait_until(lambda: answered.qsize() == CHECKS, 30)
        os.kill(pid, signal.SIGCONT)
        assert pipe.poll(30)
        found: list[Observation] = pipe.recv()
    assert {(seen.outcome, seen.error) for seen in found} == {(Outcome.UP, None)}
    assert max(seen.latency_s for seen in found) < TIMEOUT_S


def test_a_busy_engine_is_no_finding_about_its_sites(make_engine: EngineFactory, serve: ServerFactory) -> None:
    """Each outcome takes it 10 ms to hand over, so that those who begin together wait for longer than their timeout."""
    url = serve(answering(response())).url()
    found: queue.SimpleQueue[Observation] = queue.SimpleQueue()

    def take_long(seen: Observation) -> None:
        sleep(0.01)
        found.put(seen)

    engine = make_engine(at_once=200, per_host=200)
    for _ in range(200):
        engine.submit(site(url, timeout_s=0.2), take_long)
    assert {found.get(timeout=30).outcome for _ in range(200)} == {Outcome.UP}


def test_a_site_that_is_silent_is_down_also_when_we_are_busy(make_engine: EngineFactory, serve: ServerFactory) -> None:
    """What is found while we are may be our own doing, so that it is visited again; in the end it is told."""
    found: queue.SimpleQueue[Observation] = queue.SimpleQueue()
    engine = make_engine()
    url = serve(answering(response())).url()
    silent = serve(lambda client: client.hold())
    engine.submit(site(silent.url(), timeout_s=0.5), found.put)
    wait_until(lambda: silent.accepted == 1, 5)
    for _ in range(4):
        engine.submit(site(url), lambda _: sleep(0.2))
    seen = found.get(timeout=30)
    assert (seen.reason, silent.accepted) == (Reason.TIMEOUT, 2)


def test_waiting_for_a_thread_that_looks_names_up_is_no_latency_of_the_site(serve: ServerFactory) -> None:
    begun = threading.Event()

    def lookup(host: str) -> tuple[Endpoint, ...]:
        if host == "slow.test":
            begun.set()
            sleep(ANSWER_S)
        return (Endpoint(socket.AF_INET, ("127.0.0.1", 0)),)

    server = serve(answering(response()))
    of_slow: queue.SimpleQueue[Observation] = queue.SimpleQueue()
    of_quick: queue.SimpleQueue[Observation] = queue.SimpleQueue()
    engine = LoopEngine(2, per_host=2, dialer=Dialer(Resolver(threads=1, lookup=lookup)))
    engine.submit(site(server.url(host="slow.test")), of_slow.put)
    assert begun.wait(5)
    engine.submit(site(server.url(host="quick.test")), of_quick.put)
    slow, quick = of_slow.get(timeout=30), of_quick.get(timeout=30)
    engine.close(5)
    assert (slow.outcome, quick.outcome) == (Outcome.UP, Outcome.UP)
    assert slow.phases_s.dns > 0.9 * ANSWER_S > 2 * quick.latency_s  # what we were late for the answer is no part of it


@contextlib.contextmanager
def thread_apart_held_until(is_so: Callable[[], bool]) -> Iterator[None]:
    """Hold the thread in which we sign until something is so, and for as long as an answer takes from then on."""
    begun = threading.Event()

    def hold() -> None:
        begun.set()
        wait_until(is_so, 5)
        sleep(ANSWER_S)

    _aside_of_process().take("", "dear.pem", Work(hold, IN_THREAD.event()))
    assert begun.wait(5)
    yield


def test_waiting_for_the_thread_in_which_we_sign_is_no_latency_of_the_site(
    make_engine: EngineFactory, serve_tls: TlsServerFactory, ca: Authority, tmp_path: Path
) -> None:
    server = serve_tls(answering(response()), new_leaf(ca.signer), adjust=demanding_certificates(ca))
    own = str(write_chain(tmp_path, new_leaf(ca.signer)))
    watched, engine = site(server.url(), tls=Tls(verify=False, cert_file=own)), make_engine()
    assert observed(engine, watched).outcome is Outcome.UP
    with thread_apart_held_until(lambda: server.accepted == 2):
        seen = observed(engine, watched)
    assert (seen.outcome, seen.error) == (Outcome.UP, None)
    assert seen.latency_s < ANSWER_S / 2


def test_who_waited_for_that_thread_in_vain_is_visited_again_and_up(
    make_engine: EngineFactory, serve_tls: TlsServerFactory
) -> None:
    server, engine = serve_tls(answering(response()), new_leaf(None)), make_engine()
    with thread_apart_held_until(lambda: server.accepted == 2):
        seen = observed(engine, site(server.url(), timeout_s=0.5, tls=Tls(verify=False)))
    assert (seen.outcome, seen.error) == (Outcome.UP, None)


def test_nor_is_it_of_a_server_that_says_nothing_more(
    make_engine: EngineFactory, serve_tls: TlsServerFactory, ca: Authority, tmp_path: Path
) -> None:
    def adjust(context: ssl.SSLContext) -> None:
        demanding_certificates(ca)(context)
        context.num_tickets = 0

    server = serve_tls(never_reads, new_leaf(ca.signer), adjust=adjust)
    own = str(write_chain(tmp_path, new_leaf(ca.signer)))
    watched = site(f"tls://127.0.0.1:{server.port}", tls=Tls(verify=False, cert_file=own))
    engine = make_engine()
    assert observed(engine, watched).outcome is Outcome.UP
    with thread_apart_held_until(lambda: server.accepted == 2):
        seen = observed(engine, watched)
    assert (seen.outcome, seen.error) == (Outcome.UP, None)
    assert seen.latency_s < ANSWER_S / 2


def says_so(client: Conversation) -> None:
    client.send(response(status="408 Request Timeout"))
    client.hold()


@pytest.mark.parametrize("leave", [says_so, Conversation.reset, lambda _: None])
@pytest.mark.parametrize("has_proxy", [False, True])
def test_a_server_or_proxy_that_waits_no_longer_when_we_are_stopped_is_visited_again(
    leave: Behaviour, has_proxy: bool, serve: ServerFactory
) -> None:
    """We are, from when the connection stands until the other end has left."""

    connections: list[BoundedSocket] = []

    def connect(endpoint: Endpoint) -> BoundedSocket:
        connections.append(connect_tcp(endpoint))
        if len(connections) == 1:
            arrives = select.poll()
            arrives.register(connections[0], select.POLLIN)
            assert arrives.poll(5_000)
        return connections[-1]

    def behave(client: Conversation) -> None:
        if server.accepted == 1:
            client.hold_for(ANSWER_S)
            leave(client)
        else:
            answering(response(status="407 Proxy Authentication Required"))(client)

    server = serve(behave)
    proxy = Proxy("127.0.0.1", server.port) if has_proxy else None
    watched = site("https://shop.test/" if has_proxy else server.url(), proxy=proxy)
    engine = LoopEngine(2, per_host=2, dialer=Dialer(Resolver(), connect))
    seen = observed(engine, watched)
    engine.close(5)
    assert (server.accepted, seen.has_left, "407" in (seen.error or "")) == (2, False, True), seen.error


def test_who_leaves_in_a_handshake_has_left_though_the_certificate_is_known(
    make_engine: EngineFactory, serve: ServerFactory, ca: Authority, tmp_path: Path
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(write_chain(tmp_path, new_leaf(ca.signer)))

    def behave(client: Conversation) -> None:
        received, unsent = ssl.MemoryBIO(), ssl.MemoryBIO()
        received.write(client.read())
        with contextlib.suppress(ssl.SSLWantReadError):
            context.wrap_bio(received, unsent, server_side=True).do_handshake()
        client.send(unsent.read())

    seen = observed(make_engine(), site(f"tls://127.0.0.1:{serve(behave).port}", tls=ca.tls))
    assert (seen.reason, seen.cert_expires_at is None, seen.has_left) == (Reason.TLS_ERROR, False, True)


class Hasty(ssl.SSLSocket):
    """A server's end that waits less for a handshake than an answer takes."""

    def do_handshake(self, block: bool = False) -> None:
        self.settimeout(ANSWER_S / 2)
        super().do_handshake(block)
        self.settimeout(None)


def test_a_server_that_leaves_while_we_wait_for_that_thread_is_visited_again(
    make_engine: EngineFactory, serve_tls: TlsServerFactory, ca: Authority, tmp_path: Path
) -> None:
    def adjust(context: ssl.SSLContext) -> None:
        demanding_certificates(ca)(context)
        context.sslsocket_class = Hasty

    server = serve_tls(answering(response()), new_leaf(ca.signer), adjust=adjust)
    own = str(write_chain(tmp_path, new_leaf(ca.signer)))
    watched, engine = site(server.url(), tls=Tls(verify=False, cert_file=own)), make_engine()
    assert observed(engine, watched).outcome is Outcome.UP
    with thread_apart_held_until(lambda: server.accepted == 2):
        seen = observed(engine, watched)
    assert (seen.outcome, seen.error, server.accepted) == (Outcome.UP, None, 3)
