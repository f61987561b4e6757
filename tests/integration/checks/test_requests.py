"""What is sent: bodies, authorization, and by way of a proxy."""

import contextlib
import socket
import threading
from typing import Any

import pytest

from sitemon.checks.net.resolver import Endpoint
from sitemon.config.sites import site_from_fields
from sitemon.local import behaviours
from sitemon.local.behaviours import answering, redirecting, response
from sitemon.local.conversation import Conversation, Server
from sitemon.model.outcome import Outcome, Reason
from sitemon.model.site import Body, Proxy
from tests.integration.checks.certificates import new_leaf
from tests.integration.checks.conftest import (
    Authority,
    EngineFactory,
    Observer,
    ServerFactory,
    TlsServerFactory,
    observed,
    site,
)

ENVIRON = {"SHOP_KEY": "hunter2", "SHOP_PASSWORD": "pa:ss ö"}


def configured(engine: Any, url: str, **fields: Any) -> Any:
    """Check a site as a file of sites would describe it."""
    return observed(engine, site_from_fields({"url": url, **fields}, ENVIRON))


@pytest.mark.parametrize(
    ("body", "content", "content_type"),
    [
        ("key=${SHOP_KEY} ä", "key=hunter2 ä", "text/plain; charset=utf-8"),
        ({"json": {"a": [1, None, "${SHOP_KEY}"], "ä": True}}, '{"a":[1,null,"hunter2"],"ä":true}', "application/json"),
        (
            {"form": {"q": "in stock", "key": "${SHOP_KEY}&"}},
            "q=in+stock&key=hunter2%26",
            "application/x-www-form-urlencoded",
        ),
    ],
)
def test_a_body_is_sent_with_its_type_and_length(
    body: Any, content: str, content_type: str, make_engine: EngineFactory, serve: ServerFactory
) -> None:
    server = serve(answering(response()))
    assert configured(make_engine(), server.url(), method="POST", body=body).outcome is Outcome.UP
    (asked,) = server.asked
    assert (asked.body.decode(), asked.headers["content-type"]) == (content, content_type)
    assert asked.headers["content-length"] == str(len(content.encode()))


@pytest.mark.parametrize("is_secure", [False, True])
def test_a_long_body_is_sent_and_one_is_read(
    is_secure: bool, observe: Observer, serve: ServerFactory, serve_tls: TlsServerFactory, ca: Authority
) -> None:
    """Both longer than what sockets hold, so that each side waits for the other."""
    page = response(b"a" * 3_000_000 + b"in stock")
    server = serve_tls(answering(page), new_leaf(ca.signer)) if is_secure else serve(answering(page))
    content = b"b" * 5_000_000
    seen = observe(
        server.url(), method="POST", body=Body(content), match="in stock$", max_body_bytes=4_000_000, tls=ca.tls
    )
    assert (seen.outcome, seen.body_bytes) == (Outcome.UP, 3_000_008), seen.error
    assert server.asked[0].body == content


def test_the_sites_own_content_type_goes_before_that_of_its_body(
    make_engine: EngineFactory, serve: ServerFactory
) -> None:
    server = serve(answering(response()))
    headers = {"content-type": "application/graphql"}
    configured(make_engine(), server.url(), method="POST", body="{ stock }", headers=headers)
    assert server.asked[0].headers["content-type"] == "application/graphql"


@pytest.mark.parametrize(
    ("auth", "sent"),
    [
        ({"basic": {"username": "me", "password": "${SHOP_PASSWORD}"}}, "Basic bWU6cGE6c3Mgw7Y="),
        ({"bearer": "${SHOP_KEY}"}, "Bearer hunter2"),
        ({"bearer": "literal"}, "Bearer literal"),
    ],
)
def test_a_site_authorizes_itself_to_its_own_origin_only(
    auth: Any, sent: str, make_engine: EngineFactory, serve: ServerFactory
) -> None:
    stranger = serve(answering(response()))
    server = serve(redirecting({"/": "/here", "/here": stranger.url()}))
    assert configured(make_engine(), server.url(), auth=auth).outcome is Outcome.UP
    assert [asked.headers["authorization"] for asked in server.asked] == [sent, sent]
    assert "authorization" not in stranger.asked[0].headers


TEXT = Body(b"in stock?", "text/plain")


@pytest.mark.parametrize(
    ("code", "method", "then", "is_kept"),
    [
        (301, "POST", "GET", False),
        (302, "POST", "GET", False),
        (303, "POST", "GET", False),
        (303, "PUT", "GET", False),
        (301, "PUT", "PUT", True),
        (307, "POST", "POST", True),
        (308, "PATCH", "PATCH", True),
    ],
)
def test_the_body_goes_along_as_in_browsers(
    code: int, method: str, then: str, is_kept: bool, observe: Observer, serve: ServerFactory
) -> None:
    server = serve(redirecting({"/": "/end"}, code=code))
    assert observe(server.url(), method=method, body=TEXT).outcome is Outcome.UP
    first, last = server.asked
    assert (first.method, first.body, last.method) == (method, TEXT.content, then)
    assert (last.body, "content-type" in last.headers) == (TEXT.content if is_kept else b"", is_kept)


def test_a_body_with_secrets_does_not_go_to_another_origin(observe: Observer, serve: ServerFactory) -> None:
    stranger = serve(answering(response()))
    server = serve(redirecting({"/": "/here", "/here": stranger.url("/there")}, code=307))
    assert observe(server.url(), method="POST", body=TEXT).outcome is Outcome.UP
    assert stranger.asked[0].body == TEXT.content
    secret = Body(b"key=hunter2", None, ("hunter2",))
    seen = observe(server.url(), method="POST", body=secret)
    assert (seen.reason, seen.error) == (
        Reason.REDIRECT_ERROR,
        f"redirected to {server.url('/here')}: the redirect would send a body with secrets to another origin",
    )
    assert [asked.body for asked in server.asked[2:]] == [secret.content] * 2
    assert len(stranger.asked) == 1


def proxying(client: Conversation) -> None:
    """Answer plain requests ourselves, and connect the client on when it wants a tunnel."""
    asked = client.asked()
    if asked.method != "CONNECT":
        client.send(response(f"proxied {asked.target}".encode()))
        return
    host, _, port = asked.target.rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port))) as upstream:
        client.send(b"HTTP/1.1 200 Connection established\r\nX-Proxy: y\r\n\r\n")
        back = threading.Thread(target=_pump, args=(upstream, client))
        back.start()
        while data := client.read():
            upstream.sendall(data)
        upstream.shutdown(socket.SHUT_RDWR)
        back.join()


def _pump(upstream: socket.socket, client: Conversation) -> None:
    with contextlib.suppress(OSError):
        while data := upstream.recv(65536):
            client.send(data)


def test_a_plain_request_goes_to_the_proxy_whole(make_engine: EngineFactory, serve: ServerFactory) -> None:
    proxy = serve(proxying)
    url = "http://no-such-host.invalid:81/a?b=c#d"
    seen = configured(
        make_engine(),
        url,
        proxy=f"http://me:${{SHOP_KEY}}@127.0.0.1:{proxy.port}",
        match="^proxied http://no-such-host.invalid:81/a\\?b=c$",
    )
    assert (seen.outcome, seen.ip) == (Outcome.UP, "127.0.0.1"), seen.error
    (asked,) = proxy.asked
    assert asked.headers["host"] == "no-such-host.invalid:81"
    assert asked.headers["proxy-authorization"] == "Basic bWU6aHVudGVyMg=="


def test_tls_goes_through_a_tunnel(
    observe: Observer, serve: ServerFactory, serve_tls: TlsServerFactory, ca: Authority
) -> None:
    proxy = serve(proxying)
    server = serve_tls(answering(response(b"in stock")), new_leaf(ca.signer))
    through = Proxy("127.0.0.1", proxy.port, "Basic hunter2")
    seen = observe(server.url(), proxy=through, tls=ca.tls, match="^in stock$")
    assert (seen.outcome, seen.http_code, len(seen.hops[0].chain)) == (Outcome.UP, 200, 1), seen.error
    assert seen.phases_s.tls > 0
    (tunnel,) = proxy.asked
    assert (tunnel.method, tunnel.target) == ("CONNECT", f"127.0.0.1:{server.port}")
    assert (tunnel.headers["host"], tunnel.headers["proxy-authorization"]) == (tunnel.target, "Basic hunter2")
    (asked,) = server.asked
    assert "proxy-authorization" not in asked.headers


REFUSALS = {
    "refuses": (answering(response(status="407 Proxy Authentication Required")), Reason.CONNECT_ERROR, "status 407"),
    "is no proxy": (answering(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), Reason.CONNECT_ERROR, "its answer"),
    "closes": (answering(b""), Reason.CONNECT_ERROR, "its answer"),
    "resets": (behaviours.resets_before_headers, Reason.CONNECT_ERROR, "reset"),
    "says nothing": (behaviours.silent, Reason.TIMEOUT, "connect"),
    "drips": (behaviours.drips_header, Reason.TIMEOUT, "connect"),
}


@pytest.mark.parametrize("way", REFUSALS)
def test_a_proxy_that_does_not_connect_us_is_a_connect_error(way: str, observe: Observer, serve: ServerFactory) -> None:
    behave, reason, words = REFUSALS[way]
    port = serve(behave).port
    seen = observe("https://shop.test/", proxy=Proxy("127.0.0.1", port), timeout_s=0.5)
    assert (seen.reason, seen.http_code) == (reason, None), seen.error
    assert seen.error is not None
    assert seen.error.startswith(f"the proxy 127.0.0.1:{port}: ")
    assert words in seen.error
    assert seen.latency_s < 1.0


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_is_not_there_is_named(scheme: str, observe: Observer, refusing_port: int) -> None:
    seen = observe(f"{scheme}://shop.test/", proxy=Proxy("127.0.0.1", refusing_port))
    words = f"the proxy 127.0.0.1:{refusing_port}: the connection was refused while connecting"
    assert (seen.reason, seen.error) == (Reason.CONNECT_ERROR, words)


def test_a_proxy_is_not_asked_for_an_address_that_may_not_be_visited(
    make_engine: EngineFactory, serve: ServerFactory
) -> None:
    engine = make_engine()
    proxy = serve(redirecting({"http://shop.test/": "http://127.0.0.1:9/", "http://127.0.0.1:9/": "http://[::1]:9/"}))
    through = Proxy("127.0.0.1", proxy.port)
    for url, hops in (
        ("http://169.254.169.254/", 1),
        ("http://169.254.169.254./", 1),
        ("http://2852039166/", 1),
        ("http://0xa9.0xfe.43518/", 1),
        ("http://[fe80::1%25eth9]/", 1),
        ("http://[::ffff:a9fe:a9fe]/", 1),
        ("http://shop.test/", 2),
    ):
        seen = observed(engine, site(url, proxy=through))
        assert (seen.reason, len(seen.hops)) == (Reason.BLOCKED_ADDRESS, hops)
    assert [asked.target for asked in proxy.asked] == ["http://shop.test/"]
    assert observed(engine, site("http://127.0.0.1:9/", proxy=through)).redirects == 1


@pytest.mark.parametrize(("ip_version", "ip", "elsewhere"), [(4, "127.0.0.1", "::1"), (6, "::1", "127.0.0.1")])
def test_a_site_is_visited_by_the_ip_version_that_it_wants(
    ip_version: int, ip: str, elsewhere: str, make_engine: EngineFactory, serve: ServerFactory
) -> None:
    both = (Endpoint(socket.AF_INET6, ("::1", 0, 0, 0)), Endpoint(socket.AF_INET, ("127.0.0.1", 0)))
    engine = make_engine(lookup=lambda _: both)
    server, holder = served_only_there(serve, ip, elsewhere)
    with holder:
        seen = observed(engine, site(server.url(host="shop.test"), ip_version=ip_version))
        assert (seen.outcome, seen.ip) == (Outcome.UP, ip), seen.error
        other = observed(engine, site(server.url(host="shop.test"), ip_version=10 - ip_version))
        assert other.reason is Reason.CONNECT_ERROR


def served_only_there(serve: ServerFactory, ip: str, elsewhere: str) -> tuple[Server, socket.socket]:
    """Return a server whose port nobody has at the other address, such as a server of a test that runs beside."""
    while True:
        server = serve(answering(response()), host=ip)
        holder = socket.socket(socket.AF_INET6 if ":" in elsewhere else socket.AF_INET)
        try:
            holder.bind((elsewhere, server.port))
        except OSError:
            holder.close()
        else:
            return server, holder
