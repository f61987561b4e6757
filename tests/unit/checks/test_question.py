"""What is judged on the spot, and what may take long."""

import bisect
import random
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from sitemon.checks.http.page import Page
from sitemon.checks.judge.expect import Measured
from sitemon.checks.judge.masked import masked_url
from sitemon.checks.judge.question import Question, is_light, verdict_at_once, verdict_on
from sitemon.model.site import Body, Expect, ExpectedHeader, ExpectedJson, Header, Proxy, Site

SOME = 64 << 10


COUNTED = "a[ab]{20}c"
WORDS = "(?i)[Ww]elcome, .*shop (is open|closes at \\d+:\\d+)!?"


def question(
    page: bytes, *, coding: str | None = None, charset: str | None = None, json: tuple[str, ...] = (), **fields: Any
) -> Question:
    expect = Expect(json=tuple(ExpectedJson(path=path, exists=True) for path in json))
    site = Site(name="shop", url="http://shop.test/", expect=expect, **fields)
    headers = {} if coding is None else {"content-encoding": coding}
    if charset is not None:
        headers["content-type"] = f"application/json; charset={charset}"
    return Question(site, Page(200, headers, (page,)), Measured(datetime(2026, 11, 28, tzinfo=UTC), 0.1, None))


def searched(header: str, *, regex: str, body: bytes = b"", **body_regexes: Any) -> Question:
    """Return a question whose header, and maybe body, is searched."""
    expect = Expect(headers=(ExpectedHeader(name="X-Seen", matches=regex),), **body_regexes)
    site = Site(name="shop", url="http://shop.test/", expect=expect)
    return question(body)._replace(site=site, page=Page(200, {"x-seen": header}, (body,)))


def secrets(count: int, of: int) -> tuple[Header, ...]:
    return tuple(Header(f"X-{place}", f"{place:04}" + "s" * (of - 4), is_secret=True) for place in range(count))


def values(count: int) -> bytes:
    return b"[" + b",".join([b"0"] * count) + b"]"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (question(b"x" * SOME, match="x"), True),
        (question(b"x" * (SOME + 1), match="x"), False),
        (question(b"x" * SOME, match=WORDS), True),
        (question(b"x" * SOME, match="https?://shop|<h1>[^<]*Shop"), True),
        (question(b"x" * 8_000, match=COUNTED), True),
        (question(b"x" * SOME, match=COUNTED), False),
        (question(b"x" * SOME, match="(a|b)*a(a|b)(a|b)(a|b)c"), False),
        (question(b"x" * SOME, match="a" + "[ab]" * 9), False),
        (question(b"x" * 100, match="a(?:[ab]{100}){9}c"), True),
        (question(b"x" * 300, match="a(?:[ab]{100}){9}c"), False),
        (question(b"x", match="x" * 201), False),
        (question(b"", match=r"\pL{100}"), False),
        (searched("x" * SOME, regex=WORDS, body=b"x" * SOME, not_match=WORDS), True),
        (searched("x" * SOME, regex=COUNTED), False),
        (searched("x" * 6_000, regex=COUNTED, body=b"x" * 3_000, not_match=WORDS), True),
        (searched("x" * 6_000, regex=COUNTED, body=b"x" * 6_000, not_match=COUNTED), False),
        (question(b"x" * (SOME + 1)), True),
        (question(b"", coding="gzip", match="x"), True),
        (question(b"x", coding="gzip"), False),
        (question(values(1000), json=("$[0]",)), True),
        (question(values(1001), json=("$[0]",)), False),
        (question(values(1000), json=("$[*].a[1:2]['b']",)), True),
        (question(values(500), json=("$[*]", "$[0]")), True),
        (question(values(501), json=("$[*]", "$[0]")), False),
        (question(b"[[[{" * 250 + b"}]]]" * 250, json=("$" + ".*" * 49,)), True),
        (question(b"[[[{" * 250 + b"}]]]" * 250, json=("$" + ".*" * 49, "$[0]")), False),
        (question(b"[0]", json=("$[0]",), charset="UTF8"), True),
        (question(values(30_000).decode().encode("cp037"), json=("$[*]",), charset="cp037"), False),
        (question("[0]".encode("utf-16"), json=("$[0]",), charset="utf-16"), False),
        (question(b"x" * SOME, match="x", charset="cp037"), True),
        (question(b"{}", json=("$..a",)), False),
        (question(b"{}", json=("$['a', 'a']",)), False),
        (question(b"{}", json=("$[?@.a]",)), False),
        (question(b"{}", json=("$.a", "$..a")), False),
        (question(b"{}", json=("$.a",) * 5), True),
        (question(b"{}", json=("$.a",) * 6), False),
        (question(b"", json=("$.a",) * 6), False),
        (question(b"x", headers=secrets(4, of=1000)), True),
        (question(b"x", headers=secrets(5, of=1000)), False),
        (question(b"x", match="x", headers=secrets(3, of=1000)), True),
        (question(b"x", json=("$.a",), headers=secrets(900, of=4)), False),
        (question(b"x", headers=(Header("X-Long", "a" * 10_000),)), True),
        (question(b"x", headers=(Header("Cookie", "a" * 10_000),)), False),
        (question(b"x", body=Body(b"", secrets=("a" * 5_000,))), False),
        (question(b"x", proxy=Proxy("proxy.test", 3128, "a" * 5_000)), False),
    ],
)
def test_what_a_server_or_an_owner_could_make_last_is_not_light(asked: Question, expected: bool) -> None:
    assert is_light(asked) is expected


@pytest.mark.parametrize("regex", [COUNTED, "a(?:[ab]{100}){9}c", "a[ab]{14}(?:[ab]|ba)*c"])
def test_a_light_regex_takes_little_whatever_the_page(regex: str) -> None:
    page = "".join(random.Random(1).choices("ab", k=SOME)).encode()
    longest = bisect.bisect(range(SOME), False, key=lambda size: not is_light(question(page[:size], match=regex)))
    asked = question(page[: longest - 1], match=regex)
    began_s = time.thread_time()
    assert verdict_on(asked).is_match_found is False
    assert 0 < longest < SOME
    assert time.thread_time() - began_s < 0.4


@pytest.mark.parametrize(
    ("page", "is_at_once"), [(b"sold out", True), (b"%252541&amp;amp;amp;" * 100, False), (b"<p>&nbsp;" * 100, True)]
)
def test_what_turns_out_to_take_long_to_mask_is_not_judged_at_once(page: bytes, is_at_once: bool) -> None:
    asked = question(page, match="stock", headers=secrets(20, of=100))
    verdict = verdict_on(asked)
    assert is_light(asked)
    assert verdict_at_once(asked) == (verdict if is_at_once else None)
    assert verdict.failures[0].excerpt == page[:60].decode() + "…" * (len(page) > 60)


def test_what_is_not_light_is_not_judged_at_once() -> None:
    assert verdict_at_once(question(b"x", coding="gzip")) is None


def test_of_a_redirects_url_nothing_is_shown_where_the_secrets_are_too_long_to_look_for() -> None:
    shop = Site(name="shop", url="http://shop.test/", headers=secrets(5, of=1000))
    assert masked_url(shop, "https://other.test/path") == "https://***/"
