"""TLS: what is trusted and what is not, and what is known of the certificates in either case."""

import contextlib
import os
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from sitemon.checks.findings import Observation
from sitemon.checks.http.response import Response
from sitemon.checks.net.happy_eyeballs import connect_tcp
from sitemon.checks.net.resolver import Endpoint
from sitemon.checks.net.tls_contexts import TlsContext, TlsContexts, context_for
from sitemon.checks.once import observe as observe_once
from sitemon.config import ca_files
from sitemon.local.behaviours import answering, response
from sitemon.local.conversation import Behaviour, Conversation
from sitemon.local.part import MissingToolError
from sitemon.local.ports import free_port, is_free
from sitemon.model.outcome import Outcome, Reason
from sitemon.model.site import Expect, Header, Tls
from tests.conftest import lack
from tests.integration.checks.certificates import (
    DEAR_CURVE,
    IN_A_MONTH,
    IN_A_YEAR,
    YESTERDAY,
    Signer,
    dear_chain,
    new_authority,
    new_leaf,
    write_chain,
)
from tests.integration.checks.conftest import (
    Authority,
    EngineFactory,
    Observer,
    ServerFactory,
    TlsServerFactory,
    demanding_certificates,
    observed,
    site,
)
from tests.integration.checks.test_engine import wait_until

BAD_LEAVES: dict[str, tuple[Callable[[Signer], Signer], datetime]] = {
    "expired": (lambda ca: new_leaf(ca, ends_at=YESTERDAY), YESTERDAY),
    "not valid yet": (lambda ca: new_leaf(ca, begins_at=IN_A_MONTH), IN_A_YEAR),
    "self-signed": (lambda _: new_leaf(None, ends_at=IN_A_MONTH), IN_A_MONTH),
    "another host": (lambda ca: new_leaf(ca, hosts=("other.test",), ends_at=IN_A_MONTH), IN_A_MONTH),
    "not known": (lambda _: new_leaf(new_authority("another CA"), ends_at=IN_A_MONTH), IN_A_MONTH),
}


def assert_tls_error(seen: Observation, words: str) -> None:
    assert (seen.outcome, seen.reason, seen.http_code) == (Outcome.DOWN, Reason.TLS_ERROR, None), seen.error
    assert seen.error is not None
    assert words in seen.error


def test_a_certificate_of_a_trusted_authority_is_up(
    observe: Observer, serve_tls: TlsServerFactory, ca: Authority
) -> None:
    server = serve_tls(answering(response()), new_leaf(ca.signer, ends_at=IN_A_MONTH))
    seen = observe(server.url(), tls=ca.tls)
    assert (seen.outcome, seen.http_code, seen.cert_expires_at) == (Outcome.UP, 200, IN_A_MONTH), seen.error
    assert server.asked[0].headers["host"] == f"127.0.0.1:{server.port}"


@pytest.mark.parametrize("tls", [Tls(), Tls(verify=False)])
def test_a_certificate_that_only_openssl_can_read_is_no_hindrance(
    tls: Tls, observe: Observer, serve: ServerFactory, tmp_path: Path
) -> None:
    leaf = new_leaf(None)
    version_3, version_9 = bytes.fromhex("a003020102"), bytes.fromhex("a003020108")
    der = ssl.PEM_cert_to_DER_cert(leaf.pem.decode()).replace(version_3, version_9, 1)
    file = write_chain(tmp_path, leaf)
    file.write_text(file.read_text().replace(leaf.pem.decode(), ssl.DER_cert_to_PEM_cert(der)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    seen = observe(serve(answering(response()), tls=context).url(), tls=tls)
    assert seen.outcome is (Outcome.DOWN if tls.verify else Outcome.UP)
    assert (seen.cert_expires_at, len(seen.hops[0].chain)) == (None, 1)


@pytest.mark.parametrize("flaw", BAD_LEAVES)
def test_a_bad_certificate_is_a_tls_error_and_its_expiry_is_known_all_the_same(
    flaw: str, observe: Observer, serve_tls: TlsServerFactory, ca: Authority
) -> None:
    make_leaf, ends_at = BAD_LEAVES[flaw]
    server = serve_tls(answering(response()), make_leaf(ca.signer))
    seen = observe(server.url(), tls=ca.tls)
    assert_tls_error(seen, flaw if flaw != "another host" else "not for this IP address")
    assert seen.cert_expires_at == ends_at
    assert server.asked == []


@pytest.mark.parametrize("flaw", BAD_LEAVES)
def test_a_bad_certificate_is_up_when_it_is_not_to_be_verified(
    flaw: str, observe: Observer, serve_tls: TlsServerFactory, ca: Authority
) -> None:
    make_leaf, ends_at = BAD_LEAVES[flaw]
    server = serve_tls(answering(response()), make_leaf(ca.signer))
    seen = observe(server.url(), tls=Tls(verify=False))
    assert (seen.outcome, seen.cert_expires_at) == (Outcome.UP, ends_at), seen.error


def test_a_private_authority_is_not_trusted_by_default(
    observe: Observer, serve_tls: TlsServerFactory, ca: Authority
) -> None:
    server = serve_tls(answering(response()), new_leaf(ca.signer))
    assert_tls_error(observe(server.url()), "issuer is not known")


def test_an_incomplete_chain_is_a_tls_error(observe: Observer, serve_tls: TlsServerFactory, ca: Authority) -> None:
    intermediate = new_authority("an intermediate", issuer=ca.signer)
    server = serve_tls(answering(response()), new_leaf(intermediate))
    assert_tls_error(observe(server.url(), tls=ca.tls), "does not send an intermediate")


def test_the_expiry_is_the_earliest_of_the_whole_chain(
    observe: Observer, serve_tls: TlsServerFactory, ca: Authority
) -> None:
    intermediate = new_authority("an intermediate", issuer=ca.signer, ends_at=IN_A_MONTH)
    server = serve_tls(answering(response()), new_leaf(intermediate), intermediate)
    seen = observe(server.url(), tls=ca.tls)
    assert (seen.outcome, seen.cert_expires_at) == (Outcome.UP, IN_A_MONTH), seen.error
    assert len(seen.hops[0].chain) == 2


def test_the_host_name_is_sent_and_compared(
    make_engine: EngineFactory, serve_tls: TlsServerFactory, ca: Authority
) -> None:
    names: list[str | None] = []

    def note_names(context: ssl.SSLContext) -> None:
        context.sni_callback = lambda _socket, name, _context: names.append(name)

    server = serve_tls(answering(response()), new_leaf(ca.signer, hosts=("shop.test",)), adjust=note_names)
    engine = make_engine(lookup=lambda _: (Endpoint(socket.AF_INET, ("127.0.0.1", 0)),))
    assert observed(engine, site(server.url(host="shop.test"), tls=ca.tls)).outcome is Outcome.UP
    assert_tls_error(observed(engine, site(server.url(host="blog.test"), tls=ca.tls)), "for another host name")
    assert names == ["shop.test", "blog.test"]


@pytest.mark.parametrize("scheme", ["https", "tls"])
def test_one_backend_is_visited_by_its_address_and_shows_the_certificate_of_its_name(
    scheme: str, observe: Observer, serve_tls: TlsServerFactory, ca: Authority
) -> None:
    names: list[str | None] = []

    def note_names(context: ssl.SSLContext) -> None:
        context.sni_callback = lambda _socket, name, _context: names.append(name)

    server = serve_tls(answering(response()), new_leaf(ca.signer, hosts=("shop.test",)), adjust=note_names)
    url = f"{scheme}://127.0.0.1:{server.port}"
    seen = observe(url, tls=Tls(ca_file=str(ca.file), server_name="shop.test"))
    assert (seen.outcome, seen.error, names) == (Outcome.UP, None, ["shop.test"])
    assert_tls_error(observe(url, tls=Tls(ca_file=str(ca.file), server_name="blog.test")), "for another host name")


def test_the_name_of_a_backend_is_not_that_of_a_host_to_which_it_redirects(
    observe: Observer, serve_tls: TlsServerFactory, ca: Authority
) -> None:
    target = serve_tls(answering(response()), new_leaf(ca.signer, hosts=("localhost",)))
    moved = response(b"", status="302 Found", headers={"Location": target.url(host="localhost")})
    server = serve_tls(answering(moved), new_leaf(ca.signer, hosts=("shop.test",)))
    seen = observe(server.url(), tls=Tls(ca_file=str(ca.file), server_name="shop.test"))
    assert (seen.outcome, seen.redirects) == (Outcome.UP, 1), seen.error


def test_the_usual_port_is_not_named_in_the_host_header(
    make_engine: EngineFactory, serve_tls: TlsServerFactory, ca: Authority
) -> None:
    server = serve_tls(answering(response()), new_leaf(ca.signer, hosts=("shop.test",)))
    home = Endpoint(socket.AF_INET, ("127.0.0.1", server.port))
    engine = make_engine(lookup=lambda _: (home,), connect=lambda _: connect_tcp(home))
    assert observed(engine, site("https://shop.test/", tls=ca.tls)).outcome is Outcome.UP
    assert server.asked[0].headers["host"] == "shop.test"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_a_server_that_offers_only_an_old_version_is_a_tls_error(
    observe: Observer, serve_tls: TlsServerFactory, ca: Authority
) -> None:
    def make_old(context: ssl.SSLContext) -> None:
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1

    server = serve_tls(answering(response()), new_leaf(ca.signer), adjust=make_old)
    assert_tls_error(observe(server.url(), tls=Tls(verify=False)), "no TLS version from 1.2 on")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_server_that_demands_a_client_certificate_is_a_tls_error(
    version: ssl.TLSVersion, observe: Observer, serve_tls: TlsServerFactory, ca: Authority
) -> None:
    server = serve_tls(answering(response()), new_leaf(ca.signer), adjust=demanding_certificates(ca, version))
    seen = observe(server.url(), tls=ca.tls)
    assert_tls_error(seen, "client certificate")
    assert seen.cert_expires_at == IN_A_YEAR


def test_a_host_that_is_named_only_as_common_name_is_not_named(
    make_engine: EngineFactory, serve_tls: TlsServerFactory, ca: Authority
) -> None:
    engine = make_engine(lookup=lambda _: (Endpoint(socket.AF_INET, ("127.0.0.1", 0)),))
    server = serve_tls(answering(response()), new_leaf(ca.signer, hosts=()))
    assert_tls_error(observed(engine, site(server.url(host="leaf"), tls=ca.tls)), "another host name")


@pytest.mark.parametrize("is_one_file", [True, False])
def test_a_client_certificate_is_shown_to_a_server_that_demands_it(
    is_one_file: bool, observe: Observer, serve_tls: TlsServerFactory, ca: Authority, tmp_path: Path
) -> None:
    server = serve_tls(answering(response()), new_leaf(ca.signer), adjust=demanding_certificates(ca))
    both = str(write_chain(tmp_path, new_leaf(ca.signer)))
    tls = Tls(ca_file=str(ca.file), cert_file=both, key_file=None if is_one_file else both)
    assert observe(server.url(), tls=tls).outcome is Outcome.UP
    of_a_stranger = str(write_chain(tmp_path, new_leaf(new_authority("another CA"))))
    seen = observe(server.url(), tls=Tls(ca_file=str(ca.file), cert_file=of_a_stranger))
    assert (seen.outcome, seen.reason) == (Outcome.DOWN, Reason.TLS_ERROR), seen.error


@pytest.mark.parametrize("flaw", ["expired", "of a stranger"])
def test_a_client_certificate_that_is_refused_is_ours(
    flaw: str, observe: Observer, serve_tls: TlsServerFactory, ca: Authority, tmp_path: Path
) -> None:
    expired, words = new_leaf(ca.signer, ends_at=YESTERDAY), "our client certificate: it has expired"
    if flaw != "expired":
        expired, words = new_leaf(new_authority("another CA")), "our client certificate: it does not know the CA"
    server = serve_tls(answering(response()), new_leaf(ca.signer), adjust=demanding_certificates(ca))
    own = str(write_chain(tmp_path, expired))
    assert_tls_error(observe(server.url(), tls=Tls(ca_file=str(ca.file), cert_file=own)), words)


@pytest.mark.parametrize("expired", ["the server's", "an intermediate", "the CA's"])
def test_it_is_said_which_certificate_has_expired(
    expired: str, observe: Observer, serve_tls: TlsServerFactory, tmp_path: Path
) -> None:
    ends = dict.fromkeys(("the server's", "an intermediate", "the CA's"), IN_A_YEAR) | {expired: YESTERDAY}
    root = new_authority("a CA", ends_at=ends["the CA's"])
    intermediate = new_authority("between", issuer=root, ends_at=ends["an intermediate"])
    (tmp_path / "ca.pem").write_bytes(root.pem)
    server = serve_tls(answering(response()), new_leaf(intermediate, ends_at=ends["the server's"]), intermediate)
    seen = observe(server.url(), tls=Tls(ca_file=str(tmp_path / "ca.pem")))
    words = {
        "the server's": "the certificate has expired",
        "an intermediate": "an intermediate certificate has expired: CN=between",
        "the CA's": "the certificate of the CA that signed the server's has expired",
    }
    assert (seen.reason, seen.error) == (Reason.TLS_ERROR, words[expired])


def test_one_that_has_expired_is_named_without_the_secrets_of_the_site(
    observe: Observer, serve_tls: TlsServerFactory, ca: Authority
) -> None:
    intermediate = new_authority("the key is s3cret", issuer=ca.signer, ends_at=YESTERDAY)
    server = serve_tls(answering(response()), new_leaf(intermediate), intermediate)
    seen = observe(server.url(), tls=ca.tls, headers=(Header("Authorization", "Bearer s3cret"),))
    assert seen.error == "an intermediate certificate has expired: CN=the key is ***"


def asking_after_the_handshake(ca: Authority) -> Callable[[ssl.SSLContext], None]:
    """Return what makes a server's context able to ask for a certificate once it has seen the request."""

    def adjust(context: ssl.SSLContext) -> None:
        demanding_certificates(ca)(context)
        context.post_handshake_auth = True

    return adjust


@pytest.mark.parametrize("has_certificate", [True, False])
def test_a_client_certificate_is_shown_to_a_server_that_asks_after_the_handshake(
    has_certificate: bool, observe: Observer, serve_tls: TlsServerFactory, ca: Authority, tmp_path: Path
) -> None:
    def behave(client: Conversation) -> None:
        target = client.asked().target
        client.ask_for_certificate()
        client.send(response(target.encode()))
        client.read()

    server = serve_tls(behave, new_leaf(ca.signer), adjust=asking_after_the_handshake(ca))
    own = str(write_chain(tmp_path, new_leaf(ca.signer))) if has_certificate else None
    seen = observe(server.url("/for-friends"), tls=Tls(ca_file=str(ca.file), cert_file=own), match="^/for-friends$")
    assert seen.outcome is (Outcome.UP if has_certificate else Outcome.DOWN), seen.error
    if not has_certificate:
        assert (seen.reason, seen.error) == (Reason.TLS_ERROR, "the server demands a client certificate")


def test_a_server_that_asks_for_our_certificate_again_and_again_is_left(
    make_engine: EngineFactory, serve_tls: TlsServerFactory, ca: Authority, tmp_path: Path, steps_s: list[float]
) -> None:
    def behave(client: Conversation) -> None:
        client.asked()
        while True:
            client.ask_for_certificate()

    server = serve_tls(behave, new_leaf(ca.signer), adjust=asking_after_the_handshake(ca))
    tls = Tls(ca_file=str(ca.file), cert_file=str(write_chain(tmp_path, new_leaf(ca.signer))))
    seen = observed(make_engine(), site(server.url(), tls=tls))
    assert (seen.reason, seen.error) == (
        Reason.PROTOCOL_ERROR,
        "the server asks for our certificate again and again",
    )
    assert max(steps_s) < 0.05


def test_a_file_that_was_renewed_is_read_again(
    observe: Observer, serve_tls: TlsServerFactory, ca: Authority, tmp_path: Path
) -> None:
    file = tmp_path / "trusted.pem"
    file.write_bytes(new_authority("another CA").pem)
    server = serve_tls(answering(response()), new_leaf(ca.signer))
    assert_tls_error(observe(server.url(), tls=Tls(ca_file=str(file))), "issuer is not known")
    file.write_bytes(ca.signer.pem)
    os.utime(file, ns=(1, 1))
    assert observe(server.url(), tls=Tls(ca_file=str(file))).outcome is Outcome.UP


def test_there_is_one_context_for_each_setting(tmp_path: Path) -> None:
    assert context_for(Tls()) is context_for(Tls())
    assert context_for(Tls()) is context_for(Tls(server_name="shop.test"))
    assert context_for(Tls()) is not context_for(Tls(verify=False))


def test_a_server_without_tls_is_a_tls_error(observe: Observer, serve: ServerFactory) -> None:
    def behave(client: Conversation) -> None:
        client.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        client.hold()

    port = serve(behave).port
    assert_tls_error(observe(f"https://127.0.0.1:{port}/"), "does not speak TLS")


def test_a_connection_closed_in_the_handshake_is_a_tls_error(observe: Observer, serve: ServerFactory) -> None:
    def behave(client: Conversation) -> None:
        client.read()

    port = serve(behave).port
    assert_tls_error(observe(f"https://127.0.0.1:{port}/"), "closed the TLS connection")


def test_a_ca_file_that_cannot_be_read_is_a_tls_error(
    observe: Observer, serve_tls: TlsServerFactory, ca: Authority
) -> None:
    server = serve_tls(answering(response()), new_leaf(ca.signer))
    assert_tls_error(observe(server.url(), tls=Tls(ca_file="/nonexistent/ca.pem")), "no such file")


@pytest.mark.parametrize("ends", [(IN_A_MONTH, IN_A_YEAR), (IN_A_YEAR, IN_A_MONTH), (IN_A_MONTH, None)])
def test_the_expiry_is_the_earliest_of_all_hops(
    ends: tuple[datetime, datetime | None],
    observe: Observer,
    serve: ServerFactory,
    serve_tls: TlsServerFactory,
    ca: Authority,
) -> None:
    first, last = ends
    page = answering(response())
    target = serve(page) if last is None else serve_tls(page, new_leaf(ca.signer, ends_at=last))
    moved = response(b"", status="302 Found", headers={"Location": target.url()})
    url = serve_tls(answering(moved), new_leaf(ca.signer, ends_at=first)).url()
    seen = observe(url, tls=ca.tls, expect=Expect(cert_days=29))
    assert (seen.outcome, seen.cert_expires_at) == (Outcome.UP, IN_A_MONTH), seen.error
    assert [hop.cert_expires_at for hop in seen.hops] == [first, last]
    seen = observe(url, tls=ca.tls, expect=Expect(cert_days=31))
    guilty = url if first == IN_A_MONTH else target.url()
    assert (seen.outcome, seen.reason) == (Outcome.DEGRADED, Reason.CERT_EXPIRING)
    assert seen.error == f"a certificate of {guilty} expires in 29 days, expected 31 days or more"


@pytest.mark.parametrize(("first_to_expire", "kept"), [(0, {0, 3}), (1, {1, 3}), (3, {3})])
def test_of_the_hops_of_a_check_two_are_kept_whole_but_for_a_trace(
    first_to_expire: int, kept: set[int], make_engine: EngineFactory, serve_tls: TlsServerFactory, ca: Authority
) -> None:
    urls: list[str] = []
    page = response()
    ends = [IN_A_MONTH if number == first_to_expire else IN_A_YEAR for number in range(4)]
    for ends_at in reversed(ends):
        urls.insert(0, serve_tls(answering(page), new_leaf(ca.signer, ends_at=ends_at)).url())
        page = response(b"", status="302 Found", headers={"Location": urls[0]})
    seen, traced = observed(make_engine(), site(urls[0], tls=ca.tls)), observe_once(site(urls[0], tls=ca.tls))
    assert [(hop.url, len(hop.chain)) for hop in traced.hops] == [(url, 1) for url in urls]
    told = [(url, 1) if number in kept else ("", 0) for number, url in enumerate(urls)]
    assert [(hop.url, len(hop.chain)) for hop in seen.hops] == told
    assert [hop.cert_expires_at for hop in seen.hops] == ends


@pytest.mark.usefixtures("frozen_heap")
def test_a_server_that_floods_us_with_session_tickets_holds_up_no_check(
    make_engine: EngineFactory, serve_tls: TlsServerFactory, ca: Authority, steps_s: list[float]
) -> None:
    def adjust(context: ssl.SSLContext) -> None:
        context.num_tickets = 40_000

    server = serve_tls(answering(response()), new_leaf(ca.signer), adjust=adjust)
    seen = observed(make_engine(), site(server.url(), tls=ca.tls, timeout_s=10))
    assert (seen.reason, seen.error) == (Reason.PROTOCOL_ERROR, "the server sends more of TLS than content")
    assert max(steps_s) < 0.02


def a_byte_a_record(count: int) -> Behaviour:
    """Return what sends a page of so many bytes, each in a record of its own, of which many come at once."""

    def behave(talk: Conversation) -> None:
        talk.asked()
        talk.cork()
        talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % count)
        for _ in range(count):
            talk.send(b"x")
        talk.uncork()

    return behave


def test_a_page_of_one_byte_a_record_is_read_in_few_steps(
    observe: Observer, serve_tls: TlsServerFactory, ca: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces: list[int] = []
    feed = Response.feed

    def noted(response: Response, data: bytes) -> bool:
        pieces.append(len(data))
        return feed(response, data)

    monkeypatch.setattr(Response, "feed", noted)
    seen = observe(serve_tls(a_byte_a_record(8_000), new_leaf(ca.signer)).url(), tls=ca.tls)
    assert (seen.outcome, seen.body_bytes) == (Outcome.UP, 8_000), seen.error
    assert len(pieces) < 400


def test_a_long_page_of_one_byte_a_record_is_refused(
    observe: Observer, serve_tls: TlsServerFactory, ca: Authority
) -> None:
    seen = observe(serve_tls(a_byte_a_record(20_000), new_leaf(ca.signer)).url(), tls=ca.tls)
    assert (seen.reason, seen.error) == (Reason.PROTOCOL_ERROR, "the server sends more of TLS than content")


def test_what_came_before_tls_failed_is_read(observe: Observer, serve_tls: TlsServerFactory, ca: Authority) -> None:
    def behave(talk: Conversation) -> None:
        talk.asked()
        talk.cork()
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood":
            talk.send(bytes((byte,)))
        talk.send_without_tls(b"\x17\x03\x03\x00\x20" + bytes(32))
        talk.uncork()

    seen = observe(serve_tls(behave, new_leaf(ca.signer)).url(), tls=ca.tls)
    assert (seen.outcome, seen.body_bytes) == (Outcome.UP, 4), seen.error


def test_where_tls_ends_the_response_ends_though_the_connection_stays(
    observe: Observer, serve_tls: TlsServerFactory, ca: Authority
) -> None:
    def behave(talk: Conversation) -> None:
        talk.asked()
        talk.cork()
        for byte in b"HTTP/1.1 200 OK\r\n\r\ngood":
            talk.send(bytes((byte,)))
        talk.end_tls()

    seen = observe(serve_tls(behave, new_leaf(ca.signer)).url(), tls=ca.tls, timeout_s=3)
    assert (seen.outcome, seen.body_bytes) == (Outcome.UP, 4), seen.error


def test_contexts_of_many_files_take_bounded_memory(tmp_path: Path, ca: Authority) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(ca.signer.pem)
    contexts, settings = TlsContexts(most_bytes=100_000), [Tls(ca_file=f"{number}.pem") for number in range(10)]
    for tls in (Tls(), *settings):
        context = TlsContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(file)
        contexts.keep((tls, True), ((1, 1),) if tls.ca_file else (), context, "")
    assert [tls for tls, _ in contexts.kept] == [Tls(), *settings[-4:]]


def test_contexts_of_one_file_of_sites_make_room_for_those_of_no_other() -> None:
    contexts = TlsContexts(most_bytes=100_000)
    few, shared, *many = [(Tls(ca_file=f"{number}.pem"), True) for number in range(20)]
    context = TlsContext(ssl.PROTOCOL_TLS_CLIENT)
    for key, file in ((few, "few.yaml"), (shared, "many.yaml"), (shared, "few.yaml")):
        contexts.keep(key, ((1, 1),), context, file)
    for key in many:
        contexts.keep(key, ((1, 1),), context, "many.yaml")
    assert list(contexts.kept) == [few, shared, *many[-3:]]


def test_a_context_whose_files_changed_takes_the_room_of_the_one_before() -> None:
    contexts = TlsContexts(most_bytes=100_000)
    keys = [(Tls(ca_file=f"{number}.pem"), True) for number in range(5)]
    for stamp in range(3):
        for key in keys:
            context = TlsContext(ssl.PROTOCOL_TLS_CLIENT)
            for file in ("one.yaml", "other.yaml"):
                contexts.keep(key, ((stamp, 1),), context, file)
    assert list(contexts.kept) == keys


@pytest.mark.parametrize("field", ["ca_file", "cert_file"])
def test_contexts_with_certificates_of_very_many_names_count_for_what_they_take(tmp_path: Path, field: str) -> None:
    file = write_chain(tmp_path, new_leaf(None, hosts=tuple(f"{number:05}.shop.example" for number in range(1_000))))
    setting = Tls(**{field: str(file)}, verify=field == "ca_file")
    context, contexts = context_for(setting), TlsContexts(most_bytes=1 << 20)
    for number in range(10):
        contexts.keep((Tls(ca_file=f"{number}.pem"), True), ((1, 1),), context, "")
    assert len(contexts.kept) == 2


def test_a_certificate_of_very_many_names_is_no_hindrance(
    observe: Observer, serve_tls: TlsServerFactory, ca: Authority
) -> None:
    names = [f"shop-{number:04}.example.org" for number in range(750)]
    leaf = new_leaf(ca.signer, hosts=("127.0.0.1", *names))
    assert len(ssl.PEM_cert_to_DER_cert(leaf.pem.decode())) > 16 << 10
    assert observe(serve_tls(answering(response()), leaf).url(), tls=ca.tls).outcome is Outcome.UP


def test_a_chain_that_takes_long_to_verify_is_refused_at_no_cost(
    make_engine: EngineFactory, serve_tls: TlsServerFactory, steps_s: list[float], tmp_path: Path
) -> None:
    root, chain = dear_chain(tmp_path, 24)
    server = serve_tls(answering(response()), new_leaf(None), adjust=lambda context: context.load_cert_chain(chain))
    seen = observed(make_engine(), site(server.url(), tls=Tls(ca_file=str(root))))
    assert_tls_error(seen, "the server sends too much before the handshake is over")
    assert max(steps_s) < 0.05


def test_a_chain_that_takes_long_to_verify_holds_up_no_check(
    make_engine: EngineFactory, serve_tls: TlsServerFactory, steps_s: list[float], tmp_path: Path
) -> None:
    root, chain = dear_chain(tmp_path, 12)
    server = serve_tls(answering(response()), new_leaf(None), adjust=lambda context: context.load_cert_chain(chain))
    seen = observed(make_engine(), site(server.url(), tls=Tls(ca_file=str(root))))
    assert (seen.outcome, len(seen.hops[0].chain)) == (Outcome.UP, 12), seen.error
    assert max(steps_s) < 0.02


@pytest.fixture
def shakers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The threads in which handshakes go on."""
    steps: list[str] = []
    shake_hands = ssl.SSLObject.do_handshake

    def noted(connection: ssl.SSLObject) -> None:
        steps.append(threading.current_thread().name)
        shake_hands(connection)

    monkeypatch.setattr(ssl.SSLObject, "do_handshake", noted)
    return steps


@pytest.mark.parametrize("is_verified", [False, True])
def test_what_a_server_sends_first_is_read_where_that_holds_up_no_check(
    make_engine: EngineFactory, serve_tls: TlsServerFactory, shakers: list[str], *, is_verified: bool
) -> None:
    server, engine = serve_tls(answering(response()), new_leaf(None)), make_engine()
    for expected in ({"sitemon-aside"}, {"sitemon-checks"}):
        shakers.clear()
        observed(engine, site(server.url(), tls=Tls(verify=is_verified)))
        assert (shakers[0], set(shakers[1:])) == ("sitemon-checks", expected)


def test_where_a_key_took_long_to_read_no_other_site_of_the_file_holds_up_a_check(
    make_engine: EngineFactory, serve_tls: TlsServerFactory, shakers: list[str], tmp_path: Path
) -> None:
    leaf, chain = new_leaf(None), tmp_path / "dear.pem"
    chain.write_bytes(write_chain(tmp_path, leaf).read_bytes() + DEAR_CURVE.read_bytes())
    dear = serve_tls(answering(response()), leaf, adjust=lambda context: context.load_cert_chain(chain))
    quick, engine = serve_tls(answering(response()), new_leaf(None)), make_engine()

    def visit(url: str, name: str, file: str) -> set[str]:
        shakers.clear()
        assert observed(engine, site(url, name=name, file=file, tls=Tls(verify=False))).outcome is Outcome.UP
        return set(shakers[1:])

    assert visit(dear.url(), "dear", "his.yaml") == {"sitemon-aside"}
    for url in (dear.url(), quick.url()):
        assert visit(url, "dear", "his.yaml") == {"sitemon-slow"}
    for _ in range(2):
        assert visit(quick.url(), "quick", "his.yaml") == {"sitemon-aside"}
    assert visit(quick.url(), "quick", "ours.yaml") == {"sitemon-aside"}
    assert visit(quick.url(), "quick", "ours.yaml") == {"sitemon-checks"}


def test_a_site_whose_certificates_take_too_long_to_read_is_down_and_rests(
    make_engine: EngineFactory, serve_tls: TlsServerFactory, shakers: list[str], tmp_path: Path
) -> None:
    leaf, chain, engine = new_leaf(None), tmp_path / "dear.pem", make_engine()
    chain.write_bytes(write_chain(tmp_path, leaf).read_bytes() + 15 * DEAR_CURVE.read_bytes())
    dear = serve_tls(answering(response()), leaf, adjust=lambda context: context.load_cert_chain(chain))
    for expected in ({"sitemon-checks", "sitemon-aside"}, {"sitemon-checks"}):
        shakers.clear()
        seen = observed(engine, site(dear.url(), timeout_s=60.0, tls=Tls(verify=False)))
        assert (seen.reason, seen.error) == (Reason.TLS_ERROR, "its certificates take too long to read")
        assert set(shakers) == expected


def test_a_quick_server_that_shows_more_than_little_holds_up_no_check(
    make_engine: EngineFactory, serve_tls: TlsServerFactory, shakers: list[str]
) -> None:
    engine, hosts = make_engine(), tuple(f"{number}.shop.example" for number in range(250))
    quick, long = (serve_tls(answering(response()), leaf) for leaf in (new_leaf(None), new_leaf(None, hosts=hosts)))
    for server in (quick, long):
        shakers.clear()
        assert observed(engine, site(server.url(), tls=Tls(verify=False))).outcome is Outcome.UP
        assert shakers[-1] == "sitemon-aside"


def test_so_it_is_where_that_server_says_nothing_more_before_the_handshake_is_over(
    make_engine: EngineFactory, serve: ServerFactory, serve_tls: TlsServerFactory, shakers: list[str], tmp_path: Path
) -> None:
    chain = tmp_path / "dear.pem"
    chain.write_bytes(write_chain(tmp_path, new_leaf(None)).read_bytes() + DEAR_CURVE.read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(chain)

    def shows_its_certificates(conversation: Conversation) -> None:
        received, unsent = ssl.MemoryBIO(), ssl.MemoryBIO()
        received.write(conversation.read())
        with contextlib.suppress(ssl.SSLWantReadError):
            context.wrap_bio(received, unsent, server_side=True).do_handshake()
        conversation.send(unsent.read())
        conversation.hold()

    dear, quick, engine = serve(shows_its_certificates), serve_tls(answering(response()), new_leaf(None)), make_engine()
    seen = observed(engine, site(f"https://127.0.0.1:{dear.port}", timeout_s=4.0, tls=Tls(verify=False)))
    assert (seen.reason, "sitemon-aside" in shakers, "sitemon-slow" in shakers) == (Reason.TIMEOUT, True, False)
    shakers.clear()
    observed(engine, site(quick.url(), tls=Tls(verify=False)))  # the same site leads there now
    assert set(shakers[1:]) == {"sitemon-slow"}


@pytest.mark.parametrize("scheme", ["https", "tls"])
def test_a_ca_file_is_read_where_that_holds_up_no_check(
    scheme: str, make_engine: EngineFactory, ca: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readers: list[str] = []
    load = ca_files.load

    def noted(context: ssl.SSLContext, file: str, below: str | None) -> int:
        readers.append(threading.current_thread().name)
        return load(context, file, below)

    monkeypatch.setattr(ca_files, "load", noted)
    file, engine = tmp_path / "ca.pem", make_engine()
    file.write_bytes(ca.signer.pem)
    for _ in range(2):
        observed(engine, site(f"{scheme}://127.0.0.1:{free_port()}", tls=Tls(ca_file=str(file))))
        os.utime(file, ns=(1, 1))
    assert readers == ["sitemon-aside", "sitemon-aside"]


def test_our_certificate_is_read_where_that_holds_up_no_check(
    make_engine: EngineFactory, ca: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readers: list[str] = []
    load = ssl.SSLContext.load_cert_chain

    def noted(context: ssl.SSLContext, *args: Any, **options: Any) -> None:
        readers.append(threading.current_thread().name)
        load(context, *args, **options)

    monkeypatch.setattr(TlsContext, "load_cert_chain", noted)
    own = write_chain(tmp_path, new_leaf(ca.signer))
    observed(make_engine(), site(f"https://127.0.0.1:{free_port()}", tls=Tls(cert_file=str(own))))
    assert readers == ["sitemon-aside"]


def test_a_handshake_in_which_we_may_sign_holds_up_no_check(
    make_engine: EngineFactory, serve_tls: TlsServerFactory, ca: Authority, shakers: list[str], tmp_path: Path
) -> None:
    server = serve_tls(answering(response()), new_leaf(ca.signer), adjust=demanding_certificates(ca))
    own, engine = str(write_chain(tmp_path, new_leaf(ca.signer))), make_engine()
    for _ in range(2):
        shakers.clear()
        seen = observed(engine, site(server.url(), tls=Tls(verify=False, cert_file=own)))
        assert (seen.outcome, shakers[0], set(shakers[1:])) == (Outcome.UP, "sitemon-checks", {"sitemon-aside"})


def test_a_ca_file_that_has_grown_since_it_was_read_is_not_read_again(
    observe: Observer, serve_tls: TlsServerFactory, ca: Authority, tmp_path: Path
) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(ca.signer.pem * 501)
    server = serve_tls(answering(response()), new_leaf(ca.signer))
    assert_tls_error(observe(server.url(), tls=Tls(ca_file=str(file))), "the CA file holds too many certificates")


@pytest.mark.parametrize("options", [("-tls1_3", "-groups", "ffdhe8192"), ("-tls1_2", "-cipher", "DHE")])
def test_a_server_that_insists_on_a_finite_field_is_refused_at_no_cost(
    make_engine: EngineFactory, ca: Authority, steps_s: list[float], tmp_path: Path, options: tuple[str, ...]
) -> None:
    if shutil.which("openssl") is None:
        lack(MissingToolError("openssl is not installed"))
    chain, port = write_chain(tmp_path, new_leaf(ca.signer)), free_port()
    command = ("openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", str(chain), "-quiet", *options)
    with (tmp_path / "log").open("wb") as log, subprocess.Popen(command, stdin=subprocess.PIPE, stderr=log) as server:
        wait_until(lambda: not is_free(port), 10)
        seen = observed(make_engine(), site(f"https://127.0.0.1:{port}/", tls=ca.tls))
        server.kill()
    assert seen.reason == Reason.TLS_ERROR
    assert max(steps_s) < 0.05


def test_records_that_say_nothing_are_not_looked_through_for_ever(
    make_engine: EngineFactory, serve: ServerFactory, steps_s: list[float]
) -> None:
    change_cipher_spec = b"\x14\x03\x03\x00\x01\x01"
    server = serve(lambda client: client.send(change_cipher_spec * 100_000))
    seen = observed(make_engine(), site(server.url().replace("http:", "https:"), timeout_s=5))
    assert seen.reason == Reason.TLS_ERROR
    assert max(steps_s) < 0.05
