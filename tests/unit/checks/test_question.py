"""What is judged on the spot, and what may take long."""

from datetime import UTC, datetime
from typing import Any

import pytest

from sitemon.checks.http.page import Page
from sitemon.checks.judge.expect import Measured
from sitemon.checks.judge.masked import masked_url
from sitemon.checks.judge.question import Question, is_light
from sitemon.model.site import Body, Expect, ExpectedJson, Header, Proxy, Site

SOME = 64 << 10


def question(page: bytes, *, coding: str | None = None, json: tuple[str, ...] = (), **fields: Any) -> Question:
    expect = Expect(json=tuple(ExpectedJson(path=path, exists=True) for path in json))
    site = Site(name="shop", url="http://shop.test/", expect=expect, **fields)
    headers = {} if coding is None else {"content-encoding": coding}
    return Question(site, Page(200, headers, (page,)), Measured(datetime(2026, 11, 28, tzinfo=UTC), 0.1, None))


def secrets(count: int, of: int) -> tuple[Header, ...]:
    return tuple(Header(f"X-{place}", f"{place:04}" + "s" * (of - 4), is_secret=True) for place in range(count))


def values(count: int) -> bytes:
    return b"[" + b",".join([b"0"] * count) + b"]"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (question(b"x" * SOME, match="x"), True),
        (question(b"x" * (SOME + 1), match="x"), False),
        (question(b"x" * (SOME + 1)), True),
        (question(b"", coding="gzip", match="x"), True),
        (question(b"x", coding="gzip"), False),
        (question(values(1000), json=("$[0]",)), True),
        (question(values(1001), json=("$[0]",)), False),
        (question(values(1000), json=("$[*].a[1:2]['b']",)), True),
        (question(values(500), json=("$[*]", "$[0]")), True),
        (question(values(501), json=("$[*]", "$[0]")), False),
        (question(b"{}", json=("$..a",)), False),
        (question(b"{}", json=("$['a', 'a']",)), False),
        (question(b"{}", json=("$[?@.a]",)), False),
        (question(b"{}", json=("$.a", "$..a")), False),
        (question(b"{}", json=("$.a",) * 5), True),
        (question(b"{}", json=("$.a",) * 6), False),
        (question(b"", json=("$.a",) * 6), False),
        (question(b"x", headers=secrets(4, of=1000)), True),
        (question(b"x", headers=secrets(5, of=1000)), False),
        (question(b"x", match="x", headers=secrets(3, of=1000)), False),
        (question(b"x", json=("$.a",), headers=secrets(900, of=4)), False),
        (question(b"x", headers=(Header("X-Long", "a" * 10_000),)), True),
        (question(b"x", headers=(Header("Cookie", "a" * 10_000),)), False),
        (question(b"x", body=Body(b"", secrets=("a" * 5_000,))), False),
        (question(b"x", proxy=Proxy("proxy.test", 3128, "a" * 5_000)), False),
    ],
)
def test_what_a_server_or_an_owner_could_make_last_is_not_light(asked: Question, expected: bool) -> None:
    assert is_light(asked) is expected


def test_of_a_redirects_url_nothing_is_shown_where_the_secrets_are_too_long_to_look_for() -> None:
    shop = Site(name="shop", url="http://shop.test/", headers=secrets(5, of=1000))
    assert masked_url(shop, "https://other.test/path") == "https://***/"
