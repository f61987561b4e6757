"""Which cookies a request of a check carries: the rules of RFC 6265, pure."""

import tracemalloc
from datetime import UTC, datetime

import pytest

from sitemon.checks.http.cookies import CookieJar
from sitemon.checks.http.redirects import Request
from sitemon.model.site import Header

NOW = datetime(2026, 11, 28, tzinfo=UTC)
HERE = "https://www.shop.test/a/b"


def sent(url: str, *lines: str, setter: str = HERE) -> str:
    jar = CookieJar()
    jar.take(lines, setter, NOW)
    return "; ".join(f"{name}={value}" for name, value in jar.sent_to(url))


@pytest.mark.parametrize(
    ("line", "pair"),
    [
        ("n=v", "n=v"),
        ("n=v; HttpOnly; SameSite=Strict", "n=v"),
        (" n = v w ", "n=v w"),
        ("n=a=b", "n=a=b"),
        ('n="v"', 'n="v"'),
        ("n=", "n="),
        ("n", ""),
        ("=v", ""),
        ("", ""),
        ("n=\x07", ""),
        ("n=v; Max-Age=0", ""),
        ("n=v; Max-Age=-1; Expires=Wed, 01 Jan 2031 00:00:00 GMT", ""),
        ("n=v; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "n=v"),
        ("n=v; Max-Age=soon", "n=v"),
        ("n=v; expires=Thu, 01 Jan 1970 00:00:00 GMT", ""),
        ("n=v; expires=Wed, 01-Jan-31 00:00:00 GMT", "n=v"),
        ("n=v; expires=never", "n=v"),
        ("n=v; expires=Wed, 99 Jan 99999999 99:00:00 GMT", "n=v"),
        ("n=v; expires=" + "1 " * 2_000, "n=v"),
        ("n=" + "v" * 4_094, "n=" + "v" * 4_094),
        ("n=" + "v" * 4_095, ""),
    ],
)
def test_a_cookie_comes_back_as_it_was_set(line: str, pair: str) -> None:
    assert sent(HERE, line) == pair


@pytest.mark.parametrize(
    ("domain", "url", "is_sent"),
    [
        ("", "https://www.shop.test/a/b", True),
        ("", "https://www.shop.test:8443/a/b", True),
        ("", "https://shop.test/a/b", False),
        ("", "https://x.www.shop.test/a/b", False),
        ("Domain=shop.test", "https://shop.test/a/b", True),
        ("Domain=.SHOP.test", "https://blog.shop.test/a/b", True),
        ("Domain=shop.test", "https://myshop.test/a/b", False),
        ("Domain=www.shop.test", "https://x.www.shop.test/a/b", True),
        ("Domain=x.www.shop.test", "https://x.www.shop.test/a/b", False),
        ("Domain=blog.test", "https://blog.test/a/b", False),
        ("Domain=test", "https://www.shop.test/a/b", False),
    ],
)
def test_a_cookie_is_for_its_host_or_its_domain(domain: str, url: str, is_sent: bool) -> None:
    assert bool(sent(url, f"n=v; {domain}")) is is_sent


def test_an_address_is_in_no_domain() -> None:
    assert sent("http://10.0.0.1/", "n=v; Domain=0.0.1", setter="http://10.0.0.1/") == ""
    assert sent("http://10.0.0.1/", "n=v; Domain=10.0.0.1", setter="http://10.0.0.1/") == "n=v"


@pytest.mark.parametrize(
    ("path", "target", "is_sent"),
    [
        ("", "/a/c", True),
        ("", "/a", True),
        ("", "/ab", False),
        ("", "/", False),
        ("Path=/", "/", True),
        ("Path=/a/", "/a/b", True),
        ("Path=/a/", "/a", False),
        ("Path=/c", "/c/d", True),
        ("Path=/c", "/cd", False),
        ("Path=c", "/a/x", True),
    ],
)
def test_a_cookie_is_for_its_path(path: str, target: str, is_sent: bool) -> None:
    assert bool(sent(f"https://www.shop.test{target}", f"n=v; {path}")) is is_sent


def test_a_secure_cookie_is_set_and_sent_inside_tls_alone() -> None:
    plain = HERE.replace("https", "http")
    assert sent(HERE, "n=v; Secure") == "n=v"
    assert sent(plain, "n=v; Secure") == ""
    assert sent(HERE, "n=v; Secure", setter=plain) == ""
    assert sent(plain, "n=v") == "n=v"


def test_longer_paths_come_first_then_what_was_set_first() -> None:
    lines = ("a=1; Path=/", "b=2; Path=/a", "c=3; Path=/", "a=4; Path=/")
    assert sent(HERE, *lines) == "b=2; a=4; c=3"


def test_a_server_sets_no_more_than_fifty() -> None:
    found = sent(HERE, *(f"n{number}=v" for number in range(200))).split("; ")
    assert (len(found), found[0], found[-1]) == (50, "n150=v", "n199=v")


def test_a_server_sets_no_more_than_a_request_has_room_for() -> None:
    found = sent(HERE, *(f"n{number}={'v' * 4_000}" for number in range(20))).split("; ")
    assert (len(found), found[0][:4], found[-1][:4]) == (8, "n12=", "n19=")


def test_what_cookies_take_of_memory_is_counted() -> None:
    lines = [f"n{number}=v; Domain=shop.test; Path=/{'p' * length}" for length in (0, 4_000) for number in range(50)]
    jar = CookieJar()
    tracemalloc.start()
    try:
        for few in (lines[:50], lines[50:]):
            jar.take(few, HERE, NOW)
            assert tracemalloc.get_traced_memory()[0] < jar.held_bytes
    finally:
        tracemalloc.stop()


def test_a_host_beyond_ascii_is_the_same_in_both_spellings() -> None:
    assert sent("http://xn--bcher-kva.test/", "n=v; Domain=xn--bcher-kva.test", setter="http://bücher.test/") == "n=v"


def test_a_sites_own_cookies_stay_but_for_those_that_are_set_anew() -> None:
    jar = CookieJar()
    own = Request("GET", HERE, (Header("cookie", "a=1; session=s3cret", is_secret=True), Header("X-A", "b")))
    assert jar.added_to(own) is own
    jar.take(["a=2; Path=/"], HERE, NOW)
    assert jar.added_to(own).headers == (Header("X-A", "b"), Header("cookie", "session=s3cret; a=2", is_secret=True))
    assert jar.added_to(Request("GET", HERE, ())).headers == (Header("Cookie", "a=2"),)
