"""What a person is shown of a check."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from rich.console import Console

from sitemon.checks.findings import Failure, Hop
from sitemon.local.chains import new_authority
from sitemon.model.outcome import Outcome, Reason
from sitemon.model.result import Kind, Phases, Result
from sitemon.model.site import Header, Site
from sitemon.report.check import report, trace_of, traced, traced_failures
from tests.results import a_missed

NOW = datetime(2026, 11, 24, 7, tzinfo=UTC)
SITE = Site(name="shop", url="https://shop.test/", headers=(Header("X-Key", "s3cret", is_secret=True),))
PHASES = Phases(dns=0.1, connect=0.1, tls=0.2, first_byte=0.4, download=0.2)


def result(**fields: Any) -> Result:
    known: dict[str, Any] = {
        "site": "shop",
        "url": "https://shop.test/",
        "region": "default",
        "kind": Kind.ADHOC,
        "slot_at": NOW,
        "checked_at": NOW,
        "outcome": Outcome.UP,
        "http_code": 200,
        "http_version": "1.1",
        "latency_s": 1.0,
        "phases_s": PHASES,
        "ip": "192.0.2.1",
        "body_bytes": 1256,
    }
    return Result(**(known | fields))


def lines_of(found: Result, *hops: Hop) -> list[str]:
    page = io.StringIO()
    Console(file=page, width=120, highlight=False).print(report(found, NOW, trace_of(SITE, hops, (), NOW)))
    return [line.rstrip() for line in page.getvalue().splitlines()]


def test_what_is_up_is_told_in_a_few_lines() -> None:
    assert lines_of(result(match="st.ck", is_match_found=True, cert_expires_at=NOW + timedelta(days=38, hours=1))) == [
        "● up  https://shop.test/  1.00s",
        "  answer       200, HTTP/1.1, 1,256 bytes",
        "  address      192.0.2.1",
        "  match        st.ck found",
        "  certificate  expires in 38 days, on 2027-01-01 08:00 UTC",
        "",
        "  dns          ━━━                                100ms",
        "  connect         ━━━                             100ms",
        "  tls                ━━━━━━━                      200ms",
        "  first byte                ━━━━━━━━━━━━━         400ms",
        "  download                               ━━━━━━   200ms",
    ]


def test_what_is_down_says_why_and_only_what_is_known() -> None:
    down = result(
        outcome=Outcome.DOWN,
        reason=Reason.CONNECT_ERROR,
        error="the connection was refused while connecting",
        http_code=None,
        http_version=None,
        phases_s=Phases(connect=0.002),
        latency_s=0.002,
    )
    assert lines_of(down) == [
        "✖ down connect_error  https://shop.test/  2.0ms",
        "  why          the connection was refused while connecting",
        "  address      192.0.2.1",
        "",
        "  dns                                                 -",
        "  connect      ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━   2.0ms",
        "  tls                                                 -",
        "  first byte                                          -",
        "  download                                            -",
    ]


def test_what_nobody_looked_at_says_why_and_nothing_of_the_site() -> None:
    missed = a_missed("shop", url="https://shop.test/", error="this process had no memory left")
    assert lines_of(missed) == [
        "○ missed shed  https://shop.test/",
        "  why          this process had no memory left",
        "",
    ]


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (-3, "expired 3 days ago, on 2026-11-21"),
        (-1, "expired 1 day ago, on 2026-11-23"),
        (5, "expires in 5 days, on 2026-11-29"),
    ],
)
def test_an_expiry_is_told_from_now(days: int, words: str) -> None:
    assert words in "\n".join(lines_of(result(cert_expires_at=NOW + timedelta(days=days))))


def test_redirects_are_counted() -> None:
    assert "  answer       200, HTTP/1.1, 1,256 bytes, after 1 redirect" in lines_of(result(redirects=1))
    assert "  answer       200, HTTP/1.1, 1,256 bytes, after 2 redirects" in lines_of(result(redirects=2))


def hop(url: str) -> Hop:
    return Hop(url=url, addresses=("192.0.2.1",), ip="192.0.2.1", http_code=200, phases_s=PHASES, chain=())


def test_a_redirect_from_https_to_http_is_noted() -> None:
    hops = [hop("http://shop.test/"), hop("https://shop.test/"), hop("http://shop.test/end"), hop("http://shop.test/")]
    words = "the redirect leads from https to http: from here on nothing is encrypted"
    lines = lines_of(result(), *hops)
    assert [line for line in lines if words in line] == [f"  note         {words}"]
    assert lines.index(f"  note         {words}") > lines.index("hop 3  http://shop.test/end  → 200")
    assert [one["note"] for one in traced(SITE, hops)] == [None, None, words, None]


def test_a_trace_ends_with_what_was_found_wrong() -> None:
    failures = (
        Failure(Reason.FORBIDDEN_MATCH, "the response matches the regex that it must not", "a [red]Fatal error b"),
        Failure(Reason.NO_MATCH, "the response is not JSON", ""),
        Failure(Reason.TOO_SLOW, "it took 0.7 s"),
    )
    page = io.StringIO()
    down = result(outcome=Outcome.DOWN, reason=Reason.FORBIDDEN_MATCH)
    trace = trace_of(SITE, [hop("http://shop.test/")], failures, NOW)
    Console(file=page, width=120, highlight=False).print(report(down, NOW, trace))
    assert [line.rstrip() for line in page.getvalue().splitlines()][-5:] == [
        "forbidden_match  the response matches the regex that it must not",
        "  response     a [red]Fatal error b",
        "no_match  the response is not JSON",
        "  response     (empty)",
        "too_slow  it took 0.7 s",
    ]
    assert traced_failures(failures)[2] == {"reason": "too_slow", "words": "it took 0.7 s", "excerpt": None}


def test_a_servers_own_words_are_neither_markup_nor_control_characters() -> None:
    hop = Hop(
        url="https://shop.test/[red]\x1b[2J",
        addresses=("192.0.2.1", "2001:db8::1"),
        ip="192.0.2.1",
        http_code=None,
        phases_s=PHASES,
        chain=(b"no certificate",),
    )
    lines = lines_of(result(), hop)
    assert "hop 1  https://shop.test/[red]?[2J  → no answer" in lines
    assert "  resolved     192.0.2.1, 2001:db8::1" in lines
    assert "  certificate  one that cannot be read" in lines
    assert traced(SITE, [hop])[0]["certificates"] == []


def test_names_in_certificates_hold_no_secret_of_the_site() -> None:
    authority = new_authority("the key is s3cret", begins_at=NOW, ends_at=NOW + timedelta(days=1))
    hop = Hop(
        url="https://shop.test/",
        addresses=("192.0.2.1",),
        ip="192.0.2.1",
        http_code=200,
        phases_s=PHASES,
        chain=(authority.certificate.public_bytes(Encoding.DER),),
    )
    assert [line for line in lines_of(result(), hop) if "CN=the key is *** by CN=the key is ***" in line]
    (told,) = traced(SITE, [hop])[0]["certificates"]
    assert (told["subject"], told["issuer"]) == ("CN=the key is ***",) * 2
