"""Where a request comes from."""

import ipaddress

import pytest
from starlette.requests import Request

from sitemon.web.auth import local_path
from sitemon.web.client_address import client_address, is_over_tls, is_trusted, limited_as

NETWORKS = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8"))


def request(peer: str | None = "192.0.2.1", scheme: str = "http", **headers: str) -> Request:
    listed = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    client = (peer, 1) if peer else None
    scope = {"type": "http", "scheme": scheme, "path": "/", "headers": listed, "client": client, "server": ("h", 80)}
    return Request(scope)


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("192.0.2.1", None, "192.0.2.1"),
        ("192.0.2.1", "198.51.100.9", "192.0.2.1"),
        ("10.1.1.1", "198.51.100.9", "198.51.100.9"),
        ("::ffff:10.1.1.1", "198.51.100.9", "198.51.100.9"),
        ("10.1.1.1", "1.1.1.1, 198.51.100.9, 10.2.2.2", "198.51.100.9"),
        ("10.1.1.1", "10.3.3.3", "10.3.3.3"),
        ("10.1.1.1", "evil\r\nx, 10.2.2.2", "10.2.2.2"),
        ("10.1.1.1", "unknown", "10.1.1.1"),
        ("10.1.1.1", "", "10.1.1.1"),
        (None, "198.51.100.9", "unknown"),
    ],
)
def test_only_a_trusted_proxy_says_for_whom_it_asks(peer: str | None, forwarded: str | None, expected: str) -> None:
    headers = {} if forwarded is None else {"x_forwarded_for": forwarded}
    assert client_address(request(peer, **headers), NETWORKS) == expected


def test_a_connection_without_an_address_is_not_trusted() -> None:
    assert not is_trusted(request(None), NETWORKS)
    assert not is_trusted(request("testclient"), NETWORKS)


@pytest.mark.parametrize(
    ("address", "key"), [("192.0.2.1", "192.0.2.1"), ("2001:db8::1", "2001:db8::/64"), ("unknown", "unknown")]
)
def test_a_network_of_ipv6_is_counted_as_one(address: str, key: str) -> None:
    assert limited_as(address) == key


@pytest.mark.parametrize(
    ("asked", "public_url", "expected"),
    [
        (request(scheme="https"), None, True),
        (request(), None, False),
        (request(), "https://status.example", True),
        (request("10.1.1.1", x_forwarded_proto="https"), None, True),
        (request("10.1.1.1", x_forwarded_proto="http"), "https://status.example", False),
        (request(x_forwarded_proto="https"), None, False),
    ],
)
def test_tls_may_end_at_a_trusted_proxy(asked: Request, public_url: str | None, expected: bool) -> None:
    assert is_over_tls(asked, NETWORKS, public_url) is expected


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ("/", "/"),
        ("/sites/shop?x=1#y", "/sites/shop?x=1#y"),
        ("//evil.example", "/"),
        ("///evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/a\\b", "/"),
        ("/\nevil", "/"),
        ("/\u202e", "/"),
        ("https://evil.example", "/"),
        ("javascript:x", "/"),
        ("evil", "/"),
        ("", "/"),
    ],
)
def test_a_place_to_go_to_is_on_this_page(given: str, place: str) -> None:
    assert local_path(given) == place
