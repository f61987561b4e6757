"""Judging a response."""

import encodings
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from requests.structures import CaseInsensitiveDict

from sitemon.checks.http.page import Page
from sitemon.checks.judge.charset import decoded
from sitemon.checks.judge.expect import Measured, Verdict, judge
from sitemon.checks.judge.masked import Mask
from sitemon.model.outcome import Outcome, Reason
from sitemon.model.site import Expect, ExpectedHeader, ExpectedJson, Header, Site, StatusRange
from sitemon.patterns import json_path
from sitemon.patterns.json_path import excess, values_at
from sitemon.patterns.regex import compiled, is_found
from tests.children import holds_in_a_child

SECRET = "correct-horse-battery-staple"
NOW = datetime(2026, 11, 24, 7, tzinfo=UTC)


def page(body: bytes = b"in stock", *, http_code: int = 200, content_type: str = "text/html", **headers: str) -> Page:
    fields = {"Content-Type": content_type} | {name.replace("_", "-"): value for name, value in headers.items()}
    return Page(http_code=http_code, headers=CaseInsensitiveDict(fields), body=(body,))


def site(match: str | None = None, expect: Expect | None = None, **fields: Any) -> Site:
    return Site(name="shop", url="http://shop.test/", match=match, expect=expect or Expect(), **fields)


def judged(watched: Site, seen: Page, *, latency_s: float = 0.1, expires_at: datetime | None = None) -> Verdict:
    return judge(watched, seen, Measured(NOW, latency_s, expires_at), Mask(watched, at_once=True))


def told(verdict: Verdict) -> list[tuple[str, str]]:
    return [(failure.reason, failure.words) for failure in verdict.failures]


def test_a_response_as_expected_is_up() -> None:
    assert judged(site(), page()) == Verdict((), None, body_bytes=8)
    verdict = judged(site("in st.ck"), page())
    assert (verdict.outcome, verdict.is_match_found) == (Outcome.UP, True)


@pytest.mark.parametrize(
    ("http_code", "outcome"), [(199, "down"), (200, "up"), (299, "up"), (300, "down"), (404, "up")]
)
def test_the_status_must_lie_in_a_range_both_ends_included(http_code: int, outcome: str) -> None:
    expect = Expect(status=(StatusRange(200, 299), StatusRange(404, 404)))
    assert judged(site(expect=expect), page(http_code=http_code)).outcome == outcome


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", None),
        (b"out of   order, back\nat noon", "out of order, back at noon"),
        (
            b"<!DOCTYPE html><html><head>" + b" " * 40 + b"<title>Service Unavailable</title></head>" + b"x" * 9_000,
            "…><html><head> <title>Service Unavailable</title></head>" + "x" * 45 + "…",
        ),
        (b"y" * 2_000, "y" * 260 + "…"),
    ],
    ids=["no body", "a few words", "a page with a title", "a long one"],
)
def test_of_a_wrong_status_the_beginning_of_the_page_is_shown(body: bytes, expected: str | None) -> None:
    [failure] = judged(site(), page(body, http_code=503)).failures
    assert failure.excerpt == expected


@pytest.mark.parametrize("before", range(940, 1_010, 3))
def test_what_is_shown_of_a_page_does_not_end_in_the_midst_of_a_secret(before: int) -> None:
    watched = site(headers=(Header("X-Key", SECRET, is_secret=True),))
    body = b" " * before + b"<title>Error</title>" + SECRET.encode() + b"z" * 20_000
    [failure] = judged(watched, page(body, http_code=500)).failures
    assert failure.excerpt is not None
    assert "Error</title>***" in failure.excerpt
    assert SECRET[:6] not in failure.excerpt


def test_the_status_is_the_reason_before_the_match_and_both_are_told() -> None:
    verdict = judged(
        site("sold out", Expect(status=(StatusRange(200, 299), StatusRange(404, 404)))), page(http_code=500)
    )
    assert verdict.reason is Reason.HTTP_STATUS
    assert told(verdict) == [
        ("http_status", "HTTP status 500, expected 200-299, 404"),
        ("no_match", 'the response does not match the regex "sold out"'),
    ]


def test_a_match_that_is_not_found_is_down() -> None:
    verdict = judged(site("sold out"), page())
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
    assert decoded(body, content_type) == text


def test_no_name_of_a_charset_is_kept_for_ever() -> None:
    known: dict[str, object] = vars(encodings)["_cache"]
    decoded(b"", "text/html; charset=latin-1")
    before = set(known)
    for number in range(100):
        assert decoded("ä".encode(), f"text/html; charset=klingon{number}") == "ä"
        assert decoded(b"\xe4", f"text/html; charset=latin{'-' * (number + 1)}1") == "ä"
    assert set(known) <= before | {"latin_1"}


def test_everything_is_judged_in_a_settled_order() -> None:
    expect = Expect(
        headers=(ExpectedHeader(name="X-App", exists=True),),
        body_size_bytes=3,
        not_match="stock",
        json=(ExpectedJson(path="$.a", exists=True),),
        cert_days=14,
        max_latency_s=0.5,
    )
    verdict = judged(
        site("sold out", expect), page(http_code=500), latency_s=0.75, expires_at=NOW + timedelta(days=13, hours=23)
    )
    assert told(verdict) == [
        ("http_status", "HTTP status 500, expected 200-299"),
        ("no_match", "the header X-App is missing"),
        ("too_large", "the body is longer than 3 bytes"),
        ("no_match", 'the response does not match the regex "sold out"'),
        ("forbidden_match", 'the response matches the regex "stock", which it must not'),
        ("no_match", "the response is not JSON"),
        ("cert_expiring", "a certificate expires in 13 days, expected 14 days or more"),
        ("too_slow", "it took 0.750 s, expected at most 0.5 s"),
    ]
    assert (verdict.outcome, verdict.reason) == (Outcome.DOWN, Reason.HTTP_STATUS)


@pytest.mark.parametrize(
    ("latency_s", "left", "reason"),
    [
        (0.5, timedelta(days=14), None),
        (0.501, timedelta(days=14), "too_slow"),
        (0.5, timedelta(days=14, microseconds=-1), "cert_expiring"),
        (0.501, timedelta(days=-2), "cert_expiring"),
        (0.5, None, None),
    ],
)
def test_slow_or_soon_to_expire_is_degraded(latency_s: float, left: timedelta | None, reason: str | None) -> None:
    expires_at = None if left is None else NOW + left
    verdict = judged(
        site(expect=Expect(cert_days=14, max_latency_s=0.5)), page(), latency_s=latency_s, expires_at=expires_at
    )
    assert (verdict.reason, verdict.outcome) == (reason, "degraded" if reason else "up")


def test_a_certificate_that_has_expired_is_told_as_such() -> None:
    verdict = judged(site(expect=Expect(cert_days=14)), page(), expires_at=NOW - timedelta(days=2))
    assert told(verdict) == [("cert_expiring", "a certificate expired 2 days ago, expected 14 days or more")]


@pytest.mark.parametrize(
    ("expected", "words"),
    [
        (ExpectedHeader(name="x-app", equals="1.2"), None),
        (ExpectedHeader(name="X-App", equals="1"), "the header X-App is not what was expected"),
        (ExpectedHeader(name="X-App", matches=r"^1\.\d$"), None),
        (ExpectedHeader(name="X-App", matches="^2"), 'the header X-App does not match the regex "^2"'),
        (ExpectedHeader(name="X-App", exists=True), None),
        (ExpectedHeader(name="X-App", exists=False), "the header X-App is there"),
        (ExpectedHeader(name="X-Other", equals="1"), "the header X-Other is missing"),
        (ExpectedHeader(name="X-Other", matches="."), "the header X-Other is missing"),
        (ExpectedHeader(name="X-Other", exists=True), "the header X-Other is missing"),
        (ExpectedHeader(name="X-Other", exists=False), None),
    ],
)
def test_a_header_equals_matches_or_exists(expected: ExpectedHeader, words: str | None) -> None:
    verdict = judged(site(expect=Expect(headers=(expected,))), page(X_App="1.2"))
    assert told(verdict) == ([] if words is None else [("no_match", words)])


HUGE = b"[0" + b",0" * 60_000 + b"]"
MANY = b"[" + b",".join([b'{"a": 1}'] * 5_000) + b"]"
DOCUMENT = b"""{"status": "ok", "n": 1, "half": 0.5, "yes": true, "nothing": null, "list": [1, {"a": [true]}],
    "items": [{"state": "ok", "id": 7}, {"state": "late", "id": 8}]}"""


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$.status", "ok"),
        ("$['n']", 1),
        ("$.n", 1.0),
        ("$.half", 0.5),
        ("$.yes", True),
        ("$.nothing", None),
        ("$.list", [1, {"a": [True]}]),
        ("$.items[?@.id == 8].state", "late"),
        ("$.items[?search(@.state, '^l')].id", 8),
        ("$.items[?match(@.state, 'o.')].id", 7),
        ("$..a[0]", True),
        ("$.list[-1].a", [True]),
    ],
)
def test_a_path_finds_an_equal_value(path: str, value: Any) -> None:
    verdict = judged(site(expect=Expect(json=(ExpectedJson(path=path, equals=value),))), page(DOCUMENT))
    assert told(verdict) == []


@pytest.mark.parametrize(
    ("expected", "words"),
    [
        (ExpectedJson(path="$.n", equals=True), "$.n is not what was expected"),
        (ExpectedJson(path="$.yes", equals=1), "$.yes is not what was expected"),
        (ExpectedJson(path="$.n", equals="1"), "$.n is not what was expected"),
        (ExpectedJson(path="$.list", equals=[1, {"a": [1]}]), "$.list is not what was expected"),
        (ExpectedJson(path="$.list[1]", equals={"a": [True], "b": 1}), "$.list[1] is not what was expected"),
        (ExpectedJson(path="$.items[*].state", equals="ok"), "$.items[*].state is not what was expected"),
        (ExpectedJson(path="$.items[*].id", equals=9), "$.items[*].id is not what was expected"),
        (ExpectedJson(path="$.gone", equals=None), "$.gone is missing"),
        (ExpectedJson(path="$.items[?match(@.state, 'l')]", exists=True), "$.items[?match(@.state, 'l')] is missing"),
        (ExpectedJson(path="$.items[?match(@.state, '(')]", exists=True), "$.items[?match(@.state, '(')] is missing"),
        (ExpectedJson(path="$.status", matches="^no"), '$.status does not match the regex "^no"'),
        (ExpectedJson(path="$.n", less_than=2), None),
        (ExpectedJson(path="$.n", less_than=1), "$.n is not less than 1"),
        (ExpectedJson(path="$.n", at_most=1), None),
        (ExpectedJson(path="$.n", at_most=0.9), "$.n is not at most 0.9"),
        (ExpectedJson(path="$.half", more_than=0.4), None),
        (ExpectedJson(path="$.half", more_than=0.5), "$.half is not more than 0.5"),
        (ExpectedJson(path="$.items[*].id", at_least=7), None),
        (ExpectedJson(path="$.items[*].id", at_least=8), "$.items[*].id is not at least 8"),
        (ExpectedJson(path="$.yes", at_least=0), "$.yes is not at least 0"),
        (ExpectedJson(path="$.status", at_least=0), "$.status is not at least 0"),
        (ExpectedJson(path="$.gone", at_least=0), "$.gone is missing"),
        (ExpectedJson(path="$.nothing", exists=False), "$.nothing is there"),
        (ExpectedJson(path="$.items[*].id", matches="^[78]$"), None),
        (ExpectedJson(path="$.list", matches='"a":'), None),
        (ExpectedJson(path="$.nothing", exists=True), None),
        (ExpectedJson(path="$.gone", exists=False), None),
    ],
)
def test_a_path_that_finds_something_else_is_no_match(expected: ExpectedJson, words: str | None) -> None:
    verdict = judged(site(expect=Expect(json=(expected,))), page(DOCUMENT))
    assert told(verdict) == ([] if words is None else [("no_match", words)])


@pytest.mark.parametrize(
    ("body", "expected", "words"),
    [
        (b"<html>", ExpectedJson(path="$", exists=False), "the response is not JSON"),
        (b"", ExpectedJson(path="$", exists=True), "the response is not JSON"),
        (b'{"a": NaN}', ExpectedJson(path="$", exists=True), "the response is not JSON"),
        (b"[" * 100_000 + b"]" * 100_000, ExpectedJson(path="$", exists=True), "the response is not JSON"),
        (
            b"[" * 400 + b"]" * 400,
            ExpectedJson(path="$..a", exists=False),
            "$..a cannot be looked up in a document nested so deeply",
        ),
        (HUGE, ExpectedJson(path="$[60000]", equals=0), None),
        (MANY, ExpectedJson(path="$[*][*].b", exists=False), None),
        (MANY, ExpectedJson(path="$..b", exists=False), None),
        (b'"ok"', ExpectedJson(path="$", equals="ok"), None),
        (rb'"{\"a\": 1}"', ExpectedJson(path="$.a", exists=False), None),
        (b'\xef\xbb\xbf{"a": 1}', ExpectedJson(path="$.a", equals=1), None),
    ],
)
def test_whatever_a_body_is_a_path_has_an_answer(body: bytes, expected: ExpectedJson, words: str | None) -> None:
    verdict = judged(site(expect=Expect(json=(expected,))), page(body))
    assert told(verdict) == ([] if words is None else [("no_match", words)])


def test_json_that_was_cut_off_at_the_cap_is_told_as_such() -> None:
    watched = site(expect=Expect(json=(ExpectedJson(path="$.a", exists=True),)), max_body_bytes=9)
    verdict = judged(watched, page(b'{"a": "xy'))
    assert told(verdict) == [("no_match", "the response is not JSON, as far as it was read (max_body)")]


def test_each_failure_shows_the_piece_of_the_response_that_tells() -> None:
    expect = Expect(
        headers=(ExpectedHeader(name="X-App", equals="1"),),
        not_match="Fatal +error",
        json=(ExpectedJson(path="$.error", exists=False),),
    )
    body = msgspec.json.encode({"before": "b" * 100, "error": "Fatal   error", "after": "a" * 100})
    verdict = judged(site("in stock", expect), page(body, X_App="2"))
    assert [failure.excerpt for failure in verdict.failures] == [
        "2",
        '{"before":"' + "b" * 49 + "…",
        "…" + "b" * 49 + '","error":"Fatal error","after":"' + "a" * 49 + "…",
        "Fatal error",
    ]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("$..a..b", None),
        ("$..a..a..b", "looks everywhere"),
        ("$[?$..a]..b", "looks everywhere"),
        ("$[?@.a == $.b && @.c == $.d && @.e == $.f]", None),
        ("$" + "['a','a']" * 9, None),
        ("$" + "['a','a']" * 10, "ways by its selectors"),
        ("$" + ".a" * 49, None),
        ("$" + ".a" * 50, "names, signs and values"),
        ("$[?@" + "[?@" * 24 + ".a]" + "]" * 24, "names, signs and values"),
        ("$[?" + "!" * 1_000 + "@.a]", "names, signs and values"),
        ("$[?search(@.a, 'b')]", None),
        ("$[?search(@.a, @.b)]", "a regex in quotes"),
        ("$[?search(@.a, '\\\\pL{100}')]", "not a valid regex: pattern too large"),
        ("$[?@[?match(@.a, '(')]]", "not a valid regex: missing )"),
        ("$[?match(@.a, '" + "\\\\pL{0}" * 21 + "')]", "classes of Unicode"),
        ("$[?@[?@[?@.a]]]", None),
        ("$[?@[?@[?@[?@.a]]]]", "filters in filters at most 3 deep"),
        ("$[?count(@[?(!@[?@['?'][?@.a]])]) == 1]", "filters in filters at most 3 deep"),
        ("$[?@.a, ?@.b][?@[?@.c]][?@.d]", None),
    ],
)
def test_a_path_that_could_take_long_in_a_small_document_is_told(path: str, words: str | None) -> None:
    assert (words or "") in (excess(path) or "")
    assert (excess(path) is None) == (words is None)


def test_of_a_path_that_is_only_read_nothing_is_kept() -> None:
    before = json_path._compiled.cache_info()
    excess("$.what.nobody['else']..has")
    assert json_path._compiled.cache_info() == before


def test_a_path_of_very_many_segments_takes_no_threads_stack() -> None:
    def has_an_answer() -> bool:
        found: list[list[Any]] = []
        thread = threading.Thread(target=lambda: found.append([*values_at("$" + ".a" * 60_000, {"a": {}})]))
        thread.start()
        thread.join()
        return found == [[]]

    assert holds_in_a_child(has_an_answer)


def test_what_comes_after_the_first_value_is_not_looked_for() -> None:
    assert next(values_at("$..a", {"a": 1, "b": [[[]]] * 10_000 + [None] * 200})) == 1
