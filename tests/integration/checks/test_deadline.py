"""The timeout is for the whole check: whatever hangs, and wherever, it ends within timeout + 0.2 s."""

import socket
import threading
from collections.abc import Iterator
from typing import Final

import pytest

from sitemon.checks.findings import Observation
from sitemon.checks.net.resolver import Endpoint
from sitemon.clock import sleep
from sitemon.local import behaviours
from sitemon.local.behaviours import response
from sitemon.local.conversation import Behaviour, Conversation
from sitemon.model.outcome import Outcome, Reason
from sitemon.model.site import Tls
from tests.integration.checks.conftest import EngineFactory, Observer, ServerFactory, observed, punctual_s, site

TIMEOUT_S: Final = 0.4
LEEWAY_S: Final = 0.2


def assert_timed_out(seen: Observation, phase: str) -> None:
    """The check ended in time, for its timeout, and names the phase in which it hung."""
    assert (seen.outcome, seen.reason) == (Outcome.DOWN, Reason.TIMEOUT), seen.error
    assert seen.error is not None
    assert seen.error.startswith("timed out after 0.4 s")
    assert seen.error.endswith(f"({phase})")
    assert seen.latency_s >= TIMEOUT_S
    assert punctual_s(seen) < TIMEOUT_S + LEEWAY_S
    assert getattr(seen.phases_s, phase) > 0


@pytest.mark.parametrize(
    ("behave", "phase"),
    [
        (behaviours.silent, "first_byte"),
        (behaviours.never_reads, "first_byte"),
        (behaviours.drips_header, "download"),
        (behaviours.drips_body, "download"),
    ],
)
def test_a_server_that_hangs_or_drips_runs_into_the_timeout(
    behave: Behaviour, phase: str, observe: Observer, serve: ServerFactory
) -> None:
    assert_timed_out(observe(serve(behave).url(), timeout_s=TIMEOUT_S), phase)


def test_a_server_that_stops_in_the_tls_handshake_runs_into_the_timeout(
    observe: Observer, serve: ServerFactory
) -> None:
    port = serve(behaviours.never_reads).port
    assert_timed_out(observe(f"https://127.0.0.1:{port}/", timeout_s=TIMEOUT_S, tls=Tls(verify=False)), "tls")


def test_redirects_share_one_timeout(observe: Observer, serve: ServerFactory) -> None:
    def behave(client: Conversation) -> None:
        location = client.asked().target + "a"
        sleep(TIMEOUT_S / 3)
        client.send(response(b"", status="302 Found", headers={"Location": location}))

    seen = observe(serve(behave).url(), timeout_s=TIMEOUT_S, max_redirects=50)
    assert (seen.reason, seen.redirects > 0) == (Reason.TIMEOUT, True)
    assert seen.latency_s >= TIMEOUT_S
    assert punctual_s(seen) < TIMEOUT_S + LEEWAY_S


@pytest.fixture
def dead_name_server() -> Iterator[threading.Event]:
    """Let go of what hangs on it at the end."""
    released = threading.Event()
    yield released
    released.set()


def test_a_name_server_that_never_answers_runs_into_the_timeout(
    make_engine: EngineFactory, dead_name_server: threading.Event
) -> None:
    def lookup(host: str) -> tuple[Endpoint, ...]:
        dead_name_server.wait()
        raise socket.gaierror(socket.EAI_AGAIN, host)

    assert_timed_out(observed(make_engine(lookup=lookup), site("http://shop.test/", timeout_s=TIMEOUT_S)), "dns")


def test_sixty_names_on_a_dead_name_server_do_not_delay_a_living_one(
    make_engine: EngineFactory, serve: ServerFactory, dead_name_server: threading.Event
) -> None:
    def lookup(host: str) -> tuple[Endpoint, ...]:
        if host.endswith("dead.test"):
            dead_name_server.wait()
            raise socket.gaierror(socket.EAI_AGAIN, host)
        return (Endpoint(socket.AF_INET, ("127.0.0.1", 0)),)

    engine = make_engine(at_once=64, lookup=lookup)
    ended: list[Observation] = []
    for number in range(60):
        engine.submit(site(f"http://host{number}.dead.test/", timeout_s=3.0), ended.append)
    server = serve(behaviours.answering(response()))
    seen = observed(engine, site(server.url(host="shop.living.test")))
    assert (seen.outcome, seen.latency_s < 1) == (Outcome.UP, True)
    assert not ended
