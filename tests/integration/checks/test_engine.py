"""The engine as a whole: many checks at once, each outcome as soon as it is ready, and an end."""

import functools
import logging
import queue
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from sitemon.checks.findings import Observation
from sitemon.checks.net.resolver import Endpoint
from sitemon.clock import monotonic_s, sleep
from sitemon.local import behaviours
from sitemon.local.behaviours import answering, response
from sitemon.local.conversation import Conversation
from sitemon.model.outcome import Outcome, Reason
from sitemon.model.site import Header, Tls
from tests.integration.checks.certificates import new_leaf
from tests.integration.checks.conftest import (
    Authority,
    EngineFactory,
    Observer,
    ServerFactory,
    TlsServerFactory,
    observed,
    site,
    thread_count,
)

HOME = Endpoint(socket.AF_INET, ("127.0.0.1", 0))


def wait_until(is_true: Callable[[], bool], within_s: float) -> None:
    deadline_s = monotonic_s() + within_s
    while not is_true():
        assert monotonic_s() < deadline_s, "it did not come true in time"
        sleep(0.02)


def test_each_outcome_comes_back_once(make_engine: EngineFactory, serve: ServerFactory) -> None:
    server = serve(answering(response()))
    engine = make_engine(at_once=8)
    found: queue.SimpleQueue[tuple[str, Outcome]] = queue.SimpleQueue()

    def note(path: str, seen: Observation) -> None:
        found.put((path, seen.outcome))

    paths = [f"/{number}" for number in range(200)]
    for path in paths:
        engine.submit(site(server.url(path)), functools.partial(note, path))
    outcomes = [found.get(timeout=10) for _ in paths]
    assert sorted(outcomes) == sorted((path, Outcome.UP) for path in paths)
    assert found.empty()


def test_a_hung_check_holds_up_no_other(make_engine: EngineFactory, serve: ServerFactory) -> None:
    engine = make_engine(at_once=2)
    hung: queue.SimpleQueue[Observation] = queue.SimpleQueue()
    engine.submit(site(serve(behaviours.silent).url(), timeout_s=2.0), hung.put)
    living = serve(answering(response()))
    assert [observed(engine, site(living.url())).outcome for _ in range(20)] == [Outcome.UP] * 20
    assert hung.empty()
    assert hung.get(timeout=5).reason is Reason.TIMEOUT


def test_waiting_for_a_place_is_no_latency(make_engine: EngineFactory, serve: ServerFactory) -> None:
    engine = make_engine(at_once=1)
    engine.submit(site(serve(behaviours.silent).url(), timeout_s=0.5), lambda _: None)
    seen = observed(engine, site(serve(answering(response())).url(), timeout_s=0.4))
    assert (seen.outcome, seen.latency_s < 0.4) == (Outcome.UP, True)


def test_an_engine_goes_on_when_its_caller_fails(
    make_engine: EngineFactory, serve: ServerFactory, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: Observation) -> None:
        raise RuntimeError("the caller's own fault")

    engine = make_engine(at_once=1)
    url = serve(answering(response())).url()
    engine.submit(site(url), fail)
    assert observed(engine, site(url)).outcome is Outcome.UP
    assert "engine.callback_failed" in caplog.text


def test_close_waits_for_what_was_taken_and_takes_no_more(make_engine: EngineFactory, serve: ServerFactory) -> None:
    server = serve(answering(response()))
    engine = make_engine(at_once=2)
    found: list[Observation] = []
    for _ in range(20):
        engine.submit(site(server.url()), found.append)
    engine.close(10)
    assert len(found) == 20
    with pytest.raises(RuntimeError):
        engine.submit(site(server.url()), found.append)


def test_close_gives_up_after_its_time(
    make_engine: EngineFactory, serve: ServerFactory, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    server = serve(behaviours.silent)
    engine = make_engine(at_once=1)
    found: list[Observation] = []
    for _ in range(3):
        engine.submit(site(server.url(), timeout_s=2.0), found.append)
    began_s = monotonic_s()
    engine.close(0.1)
    assert monotonic_s() - began_s < 2.0
    assert "engine.gave_up: 3 checks" in caplog.text
    wait_until(lambda: thread_count("sitemon-checks") == 0, 5)
    assert (found, len(server.asked)) == ([], 1)


def test_hung_checks_leave_no_thread_behind(make_engine: EngineFactory, serve: ServerFactory) -> None:
    server = serve(behaviours.silent)
    before = thread_count()
    engine = make_engine(at_once=32)
    for _ in range(96):
        engine.submit(site(server.url(), timeout_s=0.2), lambda _: None)
    assert thread_count() <= before + 32
    engine.close(10)
    wait_until(lambda: thread_count() <= before, 10)


def test_a_check_opens_a_connection_of_its_own_and_closes_it(observe: Observer, serve: ServerFactory) -> None:
    closed = threading.Semaphore(0)

    def keeps_open(client: Conversation) -> None:
        client.asked()
        client.send(response())
        assert client.read() == b""
        closed.release()

    server = serve(keeps_open)
    for _ in range(3):
        assert observe(server.url()).outcome is Outcome.UP
        assert closed.acquire(timeout=5)
    assert {asked.headers["connection"] for asked in server.asked} == {"close"}


def test_what_is_sent_is_what_the_site_says(observe: Observer, serve: ServerFactory) -> None:
    server = serve(answering(response()))
    observe(server.url("/a%20b?q=1&q=2#part"), method="PUT", headers=(Header("X-Team", "web"), Header("accept", "a/b")))
    asked = server.asked[0]
    assert (asked.method, asked.target) == ("PUT", "/a%20b?q=1&q=2")
    assert asked.headers["user-agent"].startswith("sitemon/0.")
    assert asked.headers["accept-encoding"] == "identity"
    assert (asked.headers["x-team"], asked.headers["accept"]) == ("web", "a/b")
    assert asked.headers["host"] == f"127.0.0.1:{server.port}"


def test_the_proxies_and_netrc_of_the_environment_are_ignored(
    observe: Observer, serve: ServerFactory, refusing_port: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password s3cret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{refusing_port}")
    server = serve(answering(response()))
    assert observe(server.url()).outcome is Outcome.UP
    assert "authorization" not in server.asked[0].headers


def test_a_literal_ipv6_address_is_visited(observe: Observer, serve: ServerFactory) -> None:
    server = serve(answering(response()), host="::1")
    seen = observe(f"http://[::1]:{server.port}/")
    assert (seen.outcome, seen.ip) == (Outcome.UP, "::1"), seen.error
    assert server.asked[0].headers["host"] == f"[::1]:{server.port}"


def test_the_next_address_of_a_name_is_tried_when_one_does_not_answer(
    make_engine: EngineFactory, serve: ServerFactory
) -> None:
    server = serve(answering(response()))
    both = (Endpoint(socket.AF_INET6, ("::1", 0, 0, 0)), HOME)
    seen = observed(make_engine(lookup=lambda _: both), site(server.url(host="shop.test")))
    assert (seen.outcome, seen.ip, seen.hops[0].addresses) == (Outcome.UP, "127.0.0.1", ("::1", "127.0.0.1"))


def test_a_name_of_the_hosts_file_is_known(observe: Observer, serve: ServerFactory) -> None:
    server = serve(answering(response()))
    seen = observe(server.url(host="localhost"))
    assert (seen.outcome, seen.ip) == (Outcome.UP, "127.0.0.1"), seen.error
    assert seen.phases_s.dns > 0


def test_a_check_makes_no_second_connection_for_the_certificate(
    observe: Observer, serve_tls: TlsServerFactory, ca: Authority
) -> None:
    server = serve_tls(answering(response()), new_leaf(ca.signer))
    for tls in (ca.tls, Tls(), Tls(verify=False)):
        assert observe(server.url(), tls=tls).cert_expires_at is not None
    assert server.accepted == 3
