"""What is sent for a site."""

import tracemalloc
from urllib.parse import urlsplit

import pytest
import requests
from hypothesis import assume, example, given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from sitemon.checks.errors import CheckError
from sitemon.checks.http import prepare as prepare_module
from sitemon.checks.http.prepare import _by_requests, first_request, prepare, prepare_first
from sitemon.checks.http.redirects import Request
from sitemon.config.site_of import site_of_url
from sitemon.config.site_urls import _PLAIN
from sitemon.model.errors import ConfigurationError
from sitemon.model.outcome import Reason
from sitemon.model.site import Body, Header, Proxy, Site
from sitemon.patterns.urls import _AS_SENT

PROXY = Proxy("p.test", 1, "Basic x")


def site(url: str, *headers: Header) -> Site:
    return Site(name="shop", url=url, headers=headers)


@pytest.mark.parametrize(
    ("url", "host", "port", "target"),
    [
        ("http://shop.test", "shop.test", 80, "/"),
        ("https://shop.test/a?b=c#d", "shop.test", 443, "/a?b=c"),
        ("https://SHOP.test:8443/ä b", "shop.test", 8443, "/%C3%A4%20b"),
        ("http://bücher.test/", "xn--bcher-kva.test", 80, "/"),
        ("http://[::1]:81/", "::1", 81, "/"),
        ("http://shop.test/sub/%zz?a=%", "shop.test", 80, "/sub/%zz?a=%"),
        ("http://shop.test/%7Ea%2f%c3?b=%7e", "shop.test", 80, "/%7Ea%2f%c3?b=%7e"),
        ('http://shop.test/a[1]|{x}?b[]="1"', "shop.test", 80, "/a[1]%7C%7Bx%7D?b[]=%221%22"),
        ("http://shop.test/a/./b/../c", "shop.test", 80, "/a/c"),
        ("http://shop.test//a/..", "shop.test", 80, "//"),
        ("http://shop.test/../a/b/.", "shop.test", 80, "/a/b/"),
        ("http://shop.test/a/...", "shop.test", 80, "/a/..."),
        ("http://shop.test?b=c", "shop.test", 80, "/?b=c"),
        ("HTTP://Shop.test:080/A", "shop.test", 80, "/A"),
    ],
)
def test_a_url_is_taken_apart(url: str, host: str, port: int, target: str) -> None:
    prepared = prepare(first_request(site(url)))
    assert (prepared.host, prepared.port, prepared.head.split()[1].decode()) == (host, port, target)
    assert prepared.is_tls == url.startswith("https")


@given(st.from_regex(_AS_SENT, fullmatch=True))
def test_a_url_that_is_taken_as_it_is_would_be_left_so_by_requests(url: str) -> None:
    port = urlsplit(url).netloc.rpartition(":")[2]
    assume(not port.isdecimal() or int(port) <= 65_535)
    assert requests.Request("GET", url).prepare().url == url


@pytest.mark.parametrize("body", [None, b"", b"text"])
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_a_request_is_what_requests_would_have_made_of_it(method: str, body: bytes | None) -> None:
    wanted = Request(method, "http://shop.test/%C3?a=b c", (Header("X-A", "b"),), None if body is None else Body(body))
    headers = CaseInsensitiveDict({header.name: header.value for header in wanted.headers})
    ours = _by_requests(method, wanted.url, headers, body)
    theirs = requests.Request(method, wanted.url, headers=ours.headers, data=body).prepare()
    assert vars(ours) | {"_cookies": None} == vars(theirs) | {"_cookies": None}


def test_the_sites_headers_come_before_ours_whatever_their_case() -> None:
    lines = prepare(first_request(site("http://shop.test/", Header("user-agent", "x"), Header("X-A", "b")))).head.split(
        b"\r\n"
    )
    assert lines == [
        b"GET / HTTP/1.1",
        b"Host: shop.test",
        b"user-agent: x",
        b"Accept: */*",
        b"Accept-Encoding: identity",
        b"Connection: close",
        b"X-A: b",
        b"",
        b"",
    ]


def test_userinfo_becomes_basic_authorization_and_leaves_the_url() -> None:
    request = first_request(site("http://me:p%40ss@shop.test/a"))
    assert request.url == "http://shop.test/a"
    assert request.headers == (Header("Authorization", "Basic bWU6cEBzcw==", is_secret=True),)


def test_a_sites_own_authorization_comes_before_userinfo() -> None:
    own = Header("authorization", "Bearer x", is_secret=True)
    assert first_request(site("http://me:s3cret@shop.test/", own)) == Request("GET", "http://shop.test/", (own,))


def test_an_at_sign_elsewhere_is_no_userinfo() -> None:
    assert first_request(site("http://shop.test/@me")) == Request("GET", "http://shop.test/@me", ())


def test_the_same_request_is_prepared_once() -> None:
    once, again = (prepare_first(first_request(site("http://shop.test/once"))) for _ in range(2))
    assert once is again


@pytest.mark.parametrize(
    ("request_", "proxy", "line"),
    [
        (Request("GET", "http://shop.test:80/", ()), None, b"Host: shop.test"),
        (Request("GET", "http://shop.test:81/", ()), None, b"Host: shop.test:81"),
        (Request("GET", "https://shop.test:443/", ()), None, b"Host: shop.test"),
        (Request("GET", "https://[::1]/", ()), None, b"Host: [::1]"),
        (Request("GET", "http://shop.test/", (Header("host", "other.test"),)), None, b"host: other.test"),
        (Request("GET", "http://shop.test/", (Header("X-Empty", ""),)), None, b"X-Empty: "),
        (Request("GET", "http://shop.test/", (Header("X-Name", "K\xe4se"),)), None, b"X-Name: K\xe4se"),
        (Request("POST", "http://shop.test/", ()), None, b"Content-Length: 0"),
        (Request("POST", "http://shop.test/", (), Body(b"abc")), None, b"Content-Length: 3"),
        (Request("GET", "http://shop.test/a#b", ()), PROXY, b"GET http://shop.test/a HTTP/1.1"),
        (Request("GET", "http://shop.test/", ()), PROXY, b"Proxy-Authorization: Basic x"),
        (Request("GET", "https://shop.test/", ()), PROXY, b"GET / HTTP/1.1"),
    ],
)
def test_a_request_says_what_is_asked_of_whom(request_: Request, proxy: Proxy | None, line: bytes) -> None:
    prepared = prepare(request_, proxy)
    lines = prepared.head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    names = [each.partition(b":")[0].lower() for each in lines[1:]]
    assert line in lines
    assert names[0] == b"host"
    assert len(set(names)) == len(names)
    assert prepared.body == (request_.body.content if request_.body else b"")


def test_a_tunnel_is_not_told_whom_the_proxy_knows() -> None:
    assert b"Proxy-Authorization" not in prepare(Request("GET", "https://shop.test/", ()), PROXY).head


@pytest.mark.parametrize(
    "request_",
    [
        Request("GET", "http://a b/", ()),
        Request("GET", "http://shop.test\\@other.test/", ()),
        Request("GET / HTTP/1.1\r\nX:", "http://shop.test/", ()),
        Request("GET", "http://shop.test/", (Header("X", "a\nb"),)),
        Request("GET", "http://shop.test/", (Header("X", "a\0b"),)),
        Request("GET", "http://shop.test/", (Header("X", "a\x7fb"),)),
        Request("GET", "http://shop.test/", (Header("X", "\u20ac"),)),
        Request("GET", "http://shop.test/", (Header("X Y", "a"),)),
        Request("GET", "http://shop.test/", (Header("X\r", "a"),)),
        Request("GET", "http://shop.test/", (Header("", "a"),)),
    ],
)
def test_what_cannot_be_sent_is_told_without_its_content(request_: Request) -> None:
    with pytest.raises(CheckError) as raised:
        prepare(request_)
    assert (raised.value.reason, raised.value.words) == (Reason.CONNECT_ERROR, "the URL or a header cannot be sent")


@pytest.mark.parametrize("url", ["http://*/", "http://.a/", "http://[v1.a]/", "http://a。b/", "http://me@-ü/"])
def test_a_url_that_cannot_be_sent_is_a_mistake_in_a_site(url: str) -> None:
    with pytest.raises(ConfigurationError, match="expected a URL such as"):
        site_of_url(url, {})


@given(st.from_regex(_PLAIN, fullmatch=True) | st.from_regex(r"https?://[^/]{1,9}/[^/]{0,3}", fullmatch=True))
def test_any_url_of_a_site_can_be_sent(url: str) -> None:
    try:
        sites = site_of_url(url, {})
    except ConfigurationError:
        assert not _PLAIN.fullmatch(url)
    else:
        assert prepare(first_request(sites)).head


@given(st.text(st.characters(max_codepoint=0xFF), max_size=3))
@example("\xa0x")
@example("\x85")
def test_any_header_of_a_site_can_be_sent(value: str) -> None:
    try:
        found = site_of_url("http://shop.test/", {"headers": {"A": value}})
    except ConfigurationError:
        assume(False)
    assert f"\r\nA: {value}\r\n".encode("latin-1") in prepare(first_request(found)).head


def test_that_a_request_cannot_be_sent_is_found_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    request = first_request(site("http://*/"))
    with pytest.raises(CheckError):
        prepare_first(request)
    monkeypatch.setattr(prepare_module, "as_sent", None)
    with pytest.raises(CheckError):
        prepare_first(request)


def test_what_is_kept_of_sites_that_are_gone_takes_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    most_bytes = 1 << 20
    monkeypatch.setattr(prepare_module, "_MOST_KEPT_BYTES", most_bytes)
    tracemalloc.start()
    try:
        for place in range(300):
            headers = [Header(f"X-{number}", f"{place} {number}") for number in range(100)]
            body = Body(b"%d" % place * 10_000)
            prepare_first(Request("POST", f"http://gone.test/{place}", tuple(headers), body))
        assert tracemalloc.get_traced_memory()[0] < 1.5 * most_bytes
    finally:
        tracemalloc.stop()


def test_what_is_kept_of_sites_that_share_a_body_has_no_copies_of_it() -> None:
    body = Body(b"x" * 1024)
    for place in range(3):
        shop = Site(name="shop", url=f"http://shop.test/{place}", method="POST", body=body)
        assert prepare_first(first_request(shop)).body is body.content
