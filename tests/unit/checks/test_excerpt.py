"""A piece of what a server sent, without our secrets."""

from typing import Any

import pytest

from sitemon.checks.excerpt import excerpt
from sitemon.model.site import Body, Header, Proxy, Site


def site(url: str = "http://shop.test/", **fields: Any) -> Site:
    return Site(name="shop", url=url, **fields)


@pytest.mark.parametrize(
    "watched",
    [
        site(headers=(Header("X-Key", "hunter2", is_secret=True),)),
        site(headers=(Header("X-Key", "Token hunter2", is_secret=True),)),
        site(headers=(Header("Authorization", "Bearer hunter2"),)),
        site(headers=(Header("Authorization", "Basic bWU6aHVudGVyMg==", is_secret=True),)),
        site(headers=(Header("Cookie", "hunter2"),)),
        site("http://me:hunter2@shop.test/"),
        site("http://shop.test/?a=b&token=hunter2"),
        site(body=Body(b"", None, ("hunter2",))),
        site(proxy=Proxy("proxy.test", 3128, "Basic bWU6aHVudGVyMg==")),
    ],
)
def test_a_secret_that_is_echoed_is_masked(watched: Site) -> None:
    assert excerpt(watched, "the key hunter2 is wrong") == "the key *** is wrong"


def test_a_secret_is_masked_also_as_it_stands_in_a_url() -> None:
    watched = site(headers=(Header("X-Key", "hunt/er&2", is_secret=True),))
    assert excerpt(watched, "?key=hunt%2Fer%262") == "?key=***"


def test_no_half_of_a_secret_is_left_at_an_end() -> None:
    secret = "0123456789" * 30
    watched = site(headers=(Header("X-Key", secret, is_secret=True),))
    for text in ("a" * 55 + secret, "a" * 40 + secret + "b" * 40):
        for start in range(0, len(text), 7):
            assert not set(excerpt(watched, text, start, start + 3)) & set("0123456789")


def test_what_stands_around_is_shown_on_one_printable_line() -> None:
    text = "a" * 100 + "\r\n\tFatal\x1b  error\n" + "b" * 100
    start = text.index("Fatal")
    assert excerpt(site(), text, start, start + 13) == "…" + "a" * 57 + " Fatal? error " + "b" * 59 + "…"
    assert excerpt(site(), "x" * 61) == "x" * 60 + "…"
    assert excerpt(site(), "") == ""


def test_a_long_find_is_cut() -> None:
    assert len(excerpt(site(), "x" * 10_000, 100, 9_000)) == 60 + 200 + 60 + 2
