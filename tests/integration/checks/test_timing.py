"""The phases: measured at the socket, of the last hop, and adding up to the latency of a check of one hop."""

import socket
from typing import Final

import pytest

from sitemon.checks.findings import Hop, Observation
from sitemon.checks.net.resolver import Endpoint
from sitemon.clock import sleep
from sitemon.local import behaviours
from sitemon.local.behaviours import answering, response
from sitemon.local.conversation import Behaviour, Conversation
from sitemon.model.outcome import Reason
from tests.integration.checks import certificates
from tests.integration.checks.conftest import (
    Authority,
    EngineFactory,
    Observer,
    ServerFactory,
    TlsServerFactory,
    observed,
    site,
)

SLOW_S: Final = 1.0


def phases_sum_s(seen: Observation | Hop) -> float:
    phases = seen.phases_s
    return phases.dns + phases.connect + phases.tls + phases.first_byte + phases.download


def assert_took_the_time(seen: Observation, phase_s: float) -> None:
    """Some of the sleep is in this phase, and nothing is in two.

    How long the others took is not asked: on a busy machine a server of a test may answer late. Of the sleep itself
    much may be missing: what our process waits for a CPU is no part of any phase.
    """
    assert phase_s > SLOW_S / 10
    assert phases_sum_s(seen) == pytest.approx(seen.latency_s, abs=0.002)


def slow_before(step: str) -> Behaviour:
    """Answer soundly, but be slow before the first byte or in the body."""

    def behave(client: Conversation) -> None:
        client.asked()
        if step == "first_byte":
            sleep(SLOW_S)
        client.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel")
        if step == "download":
            sleep(SLOW_S)
        client.send(b"lo")

    return behave


@pytest.mark.parametrize("phase", ["first_byte", "download"])
def test_time_goes_to_the_phase_that_took_it(phase: str, observe: Observer, serve: ServerFactory) -> None:
    seen = observe(serve(slow_before(phase)).url())
    assert_took_the_time(seen, getattr(seen.phases_s, phase))


def test_the_phases_of_a_check_of_one_hop_add_up(observe: Observer, serve: ServerFactory) -> None:
    seen = observe(serve(answering(response())).url())
    assert phases_sum_s(seen) == pytest.approx(seen.latency_s, abs=0.002)
    assert (seen.phases_s.dns, seen.phases_s.tls) == (0, 0)
    assert min(seen.phases_s.connect, seen.phases_s.first_byte) > 0


@pytest.mark.parametrize(
    ("behave", "reason"),
    [
        (behaviours.resets_before_headers, Reason.PROTOCOL_ERROR),
        (behaviours.resets_after_headers, Reason.PROTOCOL_ERROR),
        (behaviours.silent, Reason.TIMEOUT),
        (behaviours.drips_body, Reason.TIMEOUT),
    ],
)
def test_the_phases_add_up_also_when_the_check_failed(
    behave: Behaviour, reason: Reason, observe: Observer, serve: ServerFactory
) -> None:
    seen = observe(serve(behave).url(), timeout_s=0.3)
    assert seen.reason is reason
    assert phases_sum_s(seen) == pytest.approx(seen.latency_s, abs=0.002)


def test_a_refused_connection_spends_its_time_in_connect(observe: Observer, refusing_port: int) -> None:
    seen = observe(f"http://127.0.0.1:{refusing_port}/")
    assert seen.phases_s.connect == pytest.approx(seen.latency_s, abs=0.002)
    assert phases_sum_s(seen) == seen.phases_s.connect


def test_a_name_takes_time_in_dns(make_engine: EngineFactory, serve: ServerFactory) -> None:
    def slow_lookup(host: str) -> tuple[Endpoint, ...]:
        assert host == "shop.test"
        sleep(SLOW_S)
        return (Endpoint(socket.AF_INET, ("127.0.0.1", 0)),)

    server = serve(answering(response()))
    seen = observed(make_engine(lookup=slow_lookup), site(server.url(host="shop.test")))
    assert_took_the_time(seen, seen.phases_s.dns)
    assert (seen.ip, server.asked[0].headers["host"]) == ("127.0.0.1", f"shop.test:{server.port}")


def test_a_handshake_takes_time_in_tls(observe: Observer, serve_tls: TlsServerFactory, ca: Authority) -> None:
    server = serve_tls(answering(response()), certificates.new_leaf(ca.signer))
    seen = observe(server.url(), tls=ca.tls)
    assert seen.phases_s.tls > 0
    assert phases_sum_s(seen) == pytest.approx(seen.latency_s, abs=0.002)


def test_the_phases_are_of_the_last_hop_and_the_latency_of_all(observe: Observer, serve: ServerFactory) -> None:
    def behave(client: Conversation) -> None:
        if client.asked().target == "/end":
            client.send(response())
        else:
            sleep(SLOW_S)
            client.send(response(b"", status="302 Found", headers={"Location": "/end"}))

    seen = observe(serve(behave).url())
    assert phases_sum_s(seen.hops[0]) > SLOW_S / 10
    assert seen.phases_s == seen.hops[-1].phases_s
    assert sum(phases_sum_s(hop) for hop in seen.hops) == pytest.approx(seen.latency_s, abs=0.004)
