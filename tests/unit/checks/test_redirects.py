"""The pure rules of redirects; what they do on the wire is in tests/integration/checks."""

import pytest

from sitemon.checks.errors import CheckError
from sitemon.checks.http.redirects import Request, origin, redirected
from sitemon.model.outcome import Reason
from sitemon.model.site import Body, Header
from sitemon.patterns.urls import without_userinfo

HERE = Request("GET", "https://shop.test/a/b?q=1", ())


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("https://shop.test/end", "https://shop.test/end"),
        ("http://shop.test/end", "http://shop.test/end"),
        ("//blog.test/end", "https://blog.test/end"),
        ("/end", "https://shop.test/end"),
        ("end", "https://shop.test/a/end"),
        ("../end", "https://shop.test/end"),
        ("?q=2", "https://shop.test/a/b?q=2"),
        ("/k\u00c3\u00a4se", "https://shop.test/käse"),
        ("/k\u00e4se", "https://shop.test/käse"),
        ("https://me:s3cret@blog.test/end", "https://blog.test/end"),
    ],
)
def test_a_location_is_resolved_against_the_request(location: str, url: str) -> None:
    assert redirected(HERE, 302, location).url == url


@pytest.mark.parametrize(
    "location", [None, "", "https://", "https:///end", "https:end", "data:,x", "http://[::1", "http://a:x/"]
)
def test_a_location_that_leads_nowhere_ends_the_check(location: str | None) -> None:
    with pytest.raises(CheckError) as raised:
        redirected(HERE, 302, location)
    assert raised.value.reason is Reason.REDIRECT_ERROR


@pytest.mark.parametrize(
    ("url", "is_same"),
    [
        ("https://shop.test/end", True),
        ("https://shop.test:443/end", True),
        ("https://SHOP.test/end", True),
        ("https://shop.test:8443/end", False),
        ("http://shop.test/end", False),
        ("https://www.shop.test/end", False),
    ],
)
def test_secrets_go_along_within_scheme_host_and_port(url: str, is_same: bool) -> None:
    secret = Header("X-Key", "s3cret", is_secret=True)
    cookie = Header("Cookie", "a=b")
    plain = Header("X-Team", "web")
    following = redirected(HERE._replace(headers=(secret, cookie, plain)), 302, url)
    assert following.headers == ((secret, cookie, plain) if is_same else (plain,))


def test_headers_of_the_body_end_with_the_method_that_had_one() -> None:
    posted = Request("POST", HERE.url, (Header("Content-Type", "text/plain"), Header("Accept", "a/b")))
    assert redirected(posted, 303, "/end") == Request("GET", "https://shop.test/end", (Header("Accept", "a/b"),))
    assert redirected(posted, 307, "/end").headers == posted.headers


@pytest.mark.parametrize(
    ("code", "location", "is_kept"), [(303, "/end", False), (307, "/end", True), (302, "/end", True)]
)
def test_a_request_that_stays_a_get_keeps_its_body_but_for_303(code: int, location: str, is_kept: bool) -> None:
    asked = HERE._replace(body=Body(b"x"))
    assert redirected(asked, code, location).body == (Body(b"x") if is_kept else None)


def test_a_body_with_secrets_stays_with_its_origin() -> None:
    posted = Request("POST", HERE.url, (), Body(b"hunter2", None, ("hunter2",)))
    assert redirected(posted, 307, "/end").body == posted.body
    assert redirected(posted, 302, "https://blog.test/").body is None
    with pytest.raises(CheckError, match="a body with secrets") as raised:
        redirected(posted, 307, "https://blog.test/")
    assert raised.value.reason is Reason.REDIRECT_ERROR


def test_an_origin_is_scheme_host_and_port() -> None:
    assert origin("https://SHOP.test/") == ("https", "shop.test", 443)
    assert origin("http://[::1]:0/") == ("http", "::1", 0)


def test_only_userinfo_is_taken_from_a_url() -> None:
    assert without_userinfo("http://a:b@c@shop.test:80/x@y?z@") == "http://shop.test:80/x@y?z@"
    assert without_userinfo("http://shop.test/x@y") == "http://shop.test/x@y"


def test_the_repr_of_a_request_holds_no_secret() -> None:
    request = Request("GET", "http://shop.test/a?token=s3cret", (Header("X-Key", "s3cret", is_secret=True),))
    assert repr(request) == "Request('GET', 'http://shop.test/a', (Header('X-Key', ***),), None)"


@pytest.mark.parametrize("host", ["書" * 64, "書" * 2_600, ".".join(["shop"] * 52)], ids=len)
def test_a_location_of_a_host_that_nobody_has_is_refused_unread(host: str) -> None:
    location = f"http://{host}/".encode().decode("latin-1")
    with pytest.raises(CheckError, match="not a URL that can be followed"):
        redirected(HERE, 302, location)


def test_a_location_that_is_longer_than_a_url_may_be_is_not_read() -> None:
    with pytest.raises(CheckError, match="not a URL that can be followed"):
        redirected(HERE, 302, "/" + "a" * 8_000)
