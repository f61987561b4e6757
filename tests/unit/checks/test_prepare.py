"""What is sent for a site."""

from urllib.parse import urlsplit

import pytest
import requests
from hypothesis import assume, given
from hypothesis import strategies as st

from sitemon.checks.check_error import CheckError
from sitemon.checks.prepare import _AS_SENT, first_request, prepare, prepare_first
from sitemon.checks.redirects import Request
from sitemon.model.outcome import Reason
from sitemon.model.site import Body, Header, Site


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
    ],
)
def test_a_url_is_taken_apart(url: str, host: str, port: int, target: str) -> None:
    prepared = prepare(first_request(site(url)))
    assert (prepared.host, prepared.port, prepared.request.path_url) == (host, port, target)
    assert prepared.is_tls == url.startswith("https")


@given(st.from_regex(_AS_SENT, fullmatch=True))
def test_a_url_that_is_taken_as_it_is_would_be_left_so_by_requests(url: str) -> None:
    port = urlsplit(url).netloc.rpartition(":")[2]
    assume(not port.isdecimal() or int(port) <= 65_535)
    assert requests.Request("GET", url).prepare().url == url


@pytest.mark.parametrize("body", [None, b"", b"text"])
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_a_request_is_what_requests_would_have_made_of_it(method: str, body: bytes | None) -> None:
    wanted = Request(method, "http://shop.test/%c3?a=b c", (Header("X-A", "b"),), None if body is None else Body(body))
    ours = prepare(wanted).request
    theirs = requests.Request(method, wanted.url, headers=ours.headers, data=body).prepare()
    assert vars(ours) | {"_cookies": None} == vars(theirs) | {"_cookies": None}


def test_the_sites_headers_come_before_ours_whatever_their_case() -> None:
    headers = prepare(
        first_request(site("http://shop.test/", Header("user-agent", "x"), Header("X-A", "b")))
    ).request.headers
    assert (headers["User-Agent"], headers["X-A"], headers["Connection"]) == ("x", "b", "close")
    assert headers["Accept-Encoding"] == "identity"


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
    "request_", [Request("GET", "http://a b/", ()), Request("GET", "http://shop.test/", (Header("X", "a\nb"),))]
)
def test_what_cannot_be_sent_is_told_without_its_content(request_: Request) -> None:
    with pytest.raises(CheckError) as raised:
        prepare(request_)
    assert (raised.value.reason, raised.value.words) == (Reason.CONNECT_ERROR, "the URL or a header cannot be sent")
