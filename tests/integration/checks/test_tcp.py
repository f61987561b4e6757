"""``tcp://`` and ``tls://``: a connection, and a handshake with its certificates."""

import socket
import ssl

import pytest

from sitemon.local import behaviours
from sitemon.local.conversation import Conversation
from sitemon.model.outcome import Outcome, Reason
from sitemon.model.site import Expect, Tls
from tests.integration.checks.certificates import IN_A_MONTH, YESTERDAY, new_leaf
from tests.integration.checks.conftest import (
    Authority,
    Observer,
    ServerFactory,
    TlsServerFactory,
    demanding_certificates,
    punctual_s,
)
from tests.integration.checks.test_engine import wait_until
from tests.integration.checks.test_timing import phases_sum_s

TIMEOUT_S = 0.4


def test_a_connection_that_stands_is_up(observe: Observer, serve: ServerFactory) -> None:
    port = serve(behaviours.never_reads).port
    seen = observe(f"tcp://127.0.0.1:{port}")
    assert (seen.outcome, seen.ip, seen.http_code, seen.cert_expires_at) == (Outcome.UP, "127.0.0.1", None, None)
    assert seen.phases_s.connect > 0
    assert phases_sum_s(seen) == pytest.approx(seen.latency_s, abs=0.002)
    assert (seen.phases_s.dns, seen.phases_s.tls, seen.phases_s.first_byte, seen.phases_s.download) == (0, 0, 0, 0)


def test_a_connection_is_closed_again(observe: Observer, serve: ServerFactory) -> None:
    read: list[bytes] = []
    server = serve(lambda client: read.append(client.read()))
    assert observe(f"tcp://127.0.0.1:{server.port}").outcome is Outcome.UP
    wait_until(lambda: read == [b""], 5)


@pytest.mark.parametrize("scheme", ["tcp", "tls"])
def test_a_refused_connection_is_a_connect_error(scheme: str, observe: Observer, refusing_port: int) -> None:
    seen = observe(f"{scheme}://127.0.0.1:{refusing_port}")
    assert (seen.outcome, seen.reason) == (Outcome.DOWN, Reason.CONNECT_ERROR), seen.error
    assert phases_sum_s(seen) == pytest.approx(seen.latency_s, abs=0.002)


@pytest.mark.parametrize("scheme", ["tcp", "tls"])
def test_a_name_that_does_not_exist_is_a_dns_error(scheme: str, observe: Observer) -> None:
    assert observe(f"{scheme}://no-such-host.invalid:9").reason is Reason.DNS_ERROR


def test_a_full_backlog_runs_into_the_timeout(observe: Observer) -> None:
    """The kernel does not answer who wants to connect when nobody accepts those who came before."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        with socket.create_connection(listener.getsockname()):
            seen = observe(f"tcp://127.0.0.1:{listener.getsockname()[1]}", timeout_s=TIMEOUT_S)
    assert (seen.outcome, seen.reason) == (Outcome.DOWN, Reason.TIMEOUT)
    assert seen.error is not None
    assert seen.error.endswith("(connect)")
    assert seen.latency_s >= TIMEOUT_S
    assert punctual_s(seen) < TIMEOUT_S + 0.2


def test_a_handshake_that_is_done_is_up_and_the_expiry_is_known(
    observe: Observer, serve_tls: TlsServerFactory, ca: Authority
) -> None:
    server = serve_tls(behaviours.never_reads, new_leaf(ca.signer, ends_at=IN_A_MONTH))
    seen = observe(f"tls://127.0.0.1:{server.port}", tls=ca.tls)
    assert (seen.outcome, seen.error, seen.cert_expires_at) == (Outcome.UP, None, IN_A_MONTH)
    assert seen.phases_s.tls > 0
    assert phases_sum_s(seen) == pytest.approx(seen.latency_s, abs=0.002)


def test_a_certificate_near_its_end_degrades(observe: Observer, serve_tls: TlsServerFactory, ca: Authority) -> None:
    server = serve_tls(behaviours.never_reads, new_leaf(ca.signer, ends_at=IN_A_MONTH))
    seen = observe(f"tls://127.0.0.1:{server.port}", tls=ca.tls, expect=Expect(cert_days=60))
    assert (seen.outcome, seen.reason) == (Outcome.DEGRADED, Reason.CERT_EXPIRING)


def test_a_bad_certificate_is_a_tls_error_and_its_expiry_is_known_all_the_same(
    observe: Observer, serve_tls: TlsServerFactory, ca: Authority
) -> None:
    server = serve_tls(behaviours.never_reads, new_leaf(ca.signer, ends_at=YESTERDAY))
    seen = observe(f"tls://127.0.0.1:{server.port}", tls=ca.tls)
    assert (seen.outcome, seen.reason, seen.cert_expires_at) == (Outcome.DOWN, Reason.TLS_ERROR, YESTERDAY)
    assert observe(f"tls://127.0.0.1:{server.port}", tls=Tls(verify=False)).outcome is Outcome.UP


def test_a_handshake_that_stops_runs_into_the_timeout(observe: Observer, serve: ServerFactory) -> None:
    seen = observe(f"tls://127.0.0.1:{serve(behaviours.never_reads).port}", timeout_s=TIMEOUT_S)
    assert (seen.reason, seen.latency_s >= TIMEOUT_S) == (Reason.TIMEOUT, True)
    assert punctual_s(seen) < TIMEOUT_S + 0.2
    assert seen.error is not None
    assert seen.error.endswith("(tls)")


def test_http_is_not_offered_to_who_may_not_speak_it(
    observe: Observer, serve_tls: TlsServerFactory, ca: Authority
) -> None:
    """A mail server that knows other protocols only may end the handshake with a client that offers only HTTP."""
    agreed: list[str | None] = []

    def only_imap(context: ssl.SSLContext) -> None:
        context.set_alpn_protocols(["http/1.1", "imap"])

    def behave(client: Conversation) -> None:
        agreed.append(client.protocol)
        client.hold()

    server = serve_tls(behave, new_leaf(ca.signer), adjust=only_imap)
    assert observe(f"tls://127.0.0.1:{server.port}", tls=ca.tls).outcome is Outcome.UP
    wait_until(lambda: agreed == [None], 5)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_server_that_demands_a_client_certificate_is_a_tls_error(
    version: ssl.TLSVersion, observe: Observer, serve_tls: TlsServerFactory, ca: Authority
) -> None:
    """Also in TLS 1.3, where the server says so only after our handshake is over."""

    server = serve_tls(behaviours.never_reads, new_leaf(ca.signer), adjust=demanding_certificates(ca, version))
    seen = observe(f"tls://127.0.0.1:{server.port}", tls=ca.tls)
    assert (seen.outcome, seen.reason) == (Outcome.DOWN, Reason.TLS_ERROR), seen.error
    assert seen.error is not None
    assert "client certificate" in seen.error


def test_a_server_that_speaks_first_is_up(observe: Observer, serve_tls: TlsServerFactory, ca: Authority) -> None:
    def greets(client: Conversation) -> None:
        client.send(b"* OK IMAP4rev1 ready\r\n")
        client.hold()

    server = serve_tls(greets, new_leaf(ca.signer))
    assert observe(f"tls://127.0.0.1:{server.port}", tls=ca.tls).outcome is Outcome.UP


def test_too_slow_counts_here_too(observe: Observer, serve: ServerFactory) -> None:
    seen = observe(f"tcp://127.0.0.1:{serve(behaviours.never_reads).port}", expect=Expect(max_latency_s=0.000001))
    assert (seen.outcome, seen.reason) == (Outcome.DEGRADED, Reason.TOO_SLOW)
