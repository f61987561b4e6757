"""Judging a response."""

import pytest

from sitemon.checks.expect import Page, compiled, is_found, judge, text_of
from sitemon.model.outcome import Outcome, Reason
from sitemon.model.site import Expect, Site, StatusRange


def page(body: bytes = b"in stock", *, http_code: int = 200, content_type: str = "text/html") -> Page:
    return Page(http_code=http_code, content_type=content_type, location=None, body=body)


def site(match: str | None = None, expect: Expect | None = None) -> Site:
    return Site(name="shop", url="http://shop.test/", match=match, expect=expect or Expect())


def test_a_response_as_expected_is_up() -> None:
    assert judge(site(), page()) == (None, (), None)
    verdict = judge(site("in st.ck"), page())
    assert (verdict.outcome, verdict.is_match_found) == (Outcome.UP, True)


@pytest.mark.parametrize(
    ("http_code", "outcome"), [(199, "down"), (200, "up"), (299, "up"), (300, "down"), (404, "up")]
)
def test_the_status_must_lie_in_a_range_both_ends_included(http_code: int, outcome: str) -> None:
    expect = Expect(status=(StatusRange(200, 299), StatusRange(404, 404)))
    assert judge(site(expect=expect), page(http_code=http_code)).outcome == outcome


def test_the_status_is_the_reason_before_the_match_and_both_are_told() -> None:
    verdict = judge(
        site("sold out", Expect(status=(StatusRange(200, 299), StatusRange(404, 404)))), page(http_code=500)
    )
    assert verdict.reason is Reason.HTTP_STATUS
    assert verdict.failures == (
        "HTTP status 500, expected 200-299, 404",
        "the response does not match the regex",
    )


def test_a_match_that_is_not_found_is_down() -> None:
    verdict = judge(site("sold out"), page())
    assert (verdict.outcome, verdict.reason, verdict.is_match_found) == (Outcome.DOWN, Reason.NO_MATCH, False)


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("b", "abc", True),
        ("^b", "abc", False),
        ("(?i)B", "abc", True),
        ("a.c", "a\nc", False),
        ("(?s)a.c", "a\nc", True),
        ("^ä$", "ä", True),
        (r"\d+ items", "42 items", True),
        ("(a+)+$", "a" * 5000 + "b", False),
    ],
)
def test_a_regex_is_searched_as_re2_does(pattern: str, text: str, found: bool) -> None:
    assert is_found(pattern, text) is found


@pytest.mark.parametrize("pattern", ["(", "(?=x)", r"(a)\1", "a{1001}"])
def test_a_regex_that_re2_does_not_take_is_told_in_its_words_and_not_on_stderr(
    pattern: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match=r"\w+ .+"):
        compiled(pattern)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("text/html", "ä".encode(), "ä"),
        ("text/html; charset=utf-8", "ä".encode(), "ä"),
        ("text/html; charset=ISO-8859-1", b"\xe4", "ä"),
        ('text/html; Charset = "windows-1252" ; x=y', b"\x80", "€"),
        ("text/html; charset=utf-16", "ä".encode("utf-16"), "ä"),
        ("text/html; charset=shift_jis", "カ".encode("shift_jis"), "カ"),
        ("text/html", b"\xe4", "\ufffd"),
        ("text/html; charset=klingon", "ä".encode(), "ä"),
        ("text/html; charset=zlib", b"abc", "abc"),
        ("text/html; charset=punycode", b"abc-", "abc-"),
        ("text/html; charset=unicode_escape", rb"\d", r"\d"),
        ("text/html; charset=undefined", b"abc", "abc"),
        ("text/html; charset=\x00", b"abc", "abc"),
        ("", b"abc", "abc"),
    ],
)
def test_text_has_the_charset_of_its_header_else_utf_8(content_type: str, body: bytes, text: str) -> None:
    assert text_of(page(body, content_type=content_type)) == text
