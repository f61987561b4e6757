"""A piece of what a server sent, on one printable line."""

from sitemon.checks.judge.excerpt import excerpt
from sitemon.checks.judge.masked import Mask
from sitemon.model.site import Header, Site


def mask(*headers: Header) -> Mask:
    return Mask(Site(name="shop", url="http://shop.test/", headers=headers), at_once=True)


def test_secrets_are_masked_before_the_text_is_cut() -> None:
    masking = mask(Header("X-Key", "0123456789", is_secret=True))
    assert excerpt(masking, "a" * 55 + "0123456789") == "a" * 55 + "***…"


def test_what_stands_around_is_shown_on_one_printable_line() -> None:
    text = "a" * 100 + "\r\n\tFatal\x1b  error\n" + "b" * 100
    start = text.index("Fatal")
    assert excerpt(mask(), text, start, start + 13) == "…" + "a" * 57 + " Fatal? error " + "b" * 59 + "…"
    assert excerpt(mask(), "x" * 61) == "x" * 60 + "…"
    assert excerpt(mask(), "") == ""


def test_a_long_find_is_cut() -> None:
    assert len(excerpt(mask(), "x" * 10_000, 100, 9_000)) == 60 + 200 + 60 + 2
