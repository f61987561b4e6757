"""What is judged on the spot, and what may take long."""

from datetime import UTC, datetime
from typing import Any

import pytest

from sitemon.checks.http.page import Page
from sitemon.checks.judge.expect import Measured
from sitemon.checks.judge.question import Question, is_light
from sitemon.model.site import Expect, ExpectedJson, Site

SOME = 64 << 10


def question(body: bytes, *, coding: str | None = None, json: tuple[str, ...] = (), **fields: Any) -> Question:
    expect = Expect(json=tuple(ExpectedJson(path=path, exists=True) for path in json))
    site = Site(name="shop", url="http://shop.test/", expect=expect, **fields)
    headers = {} if coding is None else {"content-encoding": coding}
    return Question(site, Page(200, headers, (body,)), Measured(datetime(2026, 11, 28, tzinfo=UTC), 0.1, None))


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
    ],
)
def test_what_a_server_or_an_owner_could_make_last_is_not_light(asked: Question, expected: bool) -> None:
    assert is_light(asked) is expected
