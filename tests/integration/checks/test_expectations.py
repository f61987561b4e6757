"""What a site's owner expects, judged on real responses: the reason, all failures, and what a trace shows of them."""

import json
from typing import Any, cast

import pytest

from sitemon.checks.findings import Observation
from sitemon.clock import sleep
from sitemon.config.sites import site_from_fields
from sitemon.local import behaviours
from sitemon.local.behaviours import answering, compressed, response
from sitemon.local.conversation import Conversation
from sitemon.model.outcome import Outcome, Reason
from sitemon.model.site import Expect, ExpectedHeader, Header, Tls
from tests.integration.checks.certificates import IN_A_MONTH, YESTERDAY, new_authority, new_leaf
from tests.integration.checks.conftest import (
    Authority,
    EngineFactory,
    Observer,
    ServerFactory,
    TlsServerFactory,
    observed,
)

DOCUMENT = json.dumps({"status": "late", "items": [{"id": 7}], "key": "hunter2"}).encode()
PAGE = response(DOCUMENT, headers={"X-App": "1.2", "Content-Type": "application/json"})

EXPECTATIONS: dict[str, tuple[dict[str, Any], Reason | None]] = {
    "a header that is": ({"headers": {"x-app": "1.2", "Content-Type": {"matches": "json"}}}, None),
    "a header that is not": ({"headers": {"X-App": "1.3"}}, Reason.NO_MATCH),
    "a header that must not be": ({"headers": {"X-App": {"exists": False}}}, Reason.NO_MATCH),
    "a forbidden regex that is not found": ({"not_match": "Fatal"}, None),
    "a forbidden regex": ({"not_match": "la.e"}, Reason.FORBIDDEN_MATCH),
    "a path that finds it": ({"json": [{"path": "$.items[0].id", "equals": 7}]}, None),
    "a path that finds something else": ({"json": [{"path": "$.status", "equals": "ok"}]}, Reason.NO_MATCH),
    "a size that is enough": ({"body_size": len(DOCUMENT)}, None),
    "a size that is not": ({"body_size": len(DOCUMENT) - 1}, Reason.TOO_LARGE),
    "a latency that is enough": ({"max_latency": "5s"}, None),
}


def expecting(engine: Any, url: str, expect: dict[str, Any], **fields: Any) -> Observation:
    """Check a site as a file of sites would describe it."""
    return observed(engine, site_from_fields({"url": url, "expect": expect, **fields}, {"KEY": "hunter2"}))


@pytest.mark.parametrize("what", EXPECTATIONS)
def test_an_expectation_is_met_or_is_the_reason(what: str, make_engine: EngineFactory, serve: ServerFactory) -> None:
    expect, reason = EXPECTATIONS[what]
    seen = expecting(make_engine(), serve(answering(PAGE)).url(), expect)
    assert (seen.outcome, seen.reason) == (Outcome.DOWN if reason else Outcome.UP, reason), seen.error


def test_the_first_failure_in_order_is_the_reason_and_all_are_told(
    make_engine: EngineFactory, serve: ServerFactory
) -> None:
    expect = {"not_match": "late", "headers": {"X-App": "1.3"}, "json": [{"path": "$.gone", "exists": True}]}
    seen = expecting(make_engine(), serve(answering(PAGE)).url(), expect)
    assert seen.reason is Reason.NO_MATCH
    assert seen.error == (
        "the header X-App is not what was expected; "
        'the response matches the regex "late", which it must not; $.gone is missing'
    )
    assert [failure.reason for failure in seen.failures] == ["no_match", "forbidden_match", "no_match"]


def slowly(client: Conversation) -> None:
    client.asked()
    sleep(0.2)
    client.send(response(b"in stock"))


def test_a_slow_site_is_degraded_and_a_slow_broken_one_is_down(
    make_engine: EngineFactory, serve: ServerFactory
) -> None:
    engine, url = make_engine(), serve(slowly).url()
    seen = expecting(engine, url, {"max_latency": "100ms"}, match="in stock")
    assert (seen.outcome, seen.reason, seen.is_match_found) == (Outcome.DEGRADED, Reason.TOO_SLOW, True)
    assert seen.error is not None
    assert seen.error.endswith("expected at most 0.1 s")
    seen = expecting(engine, url, {"max_latency": "100ms"}, match="sold out")
    assert (seen.outcome, seen.reason, len(seen.failures)) == (Outcome.DOWN, Reason.NO_MATCH, 2)


@pytest.mark.parametrize(("days", "reason"), [(29, None), (31, Reason.CERT_EXPIRING)])
def test_an_intermediate_that_expires_soon_is_degraded(
    days: int, reason: Reason | None, observe: Observer, serve_tls: TlsServerFactory, ca: Authority
) -> None:
    intermediate = new_authority("an intermediate", issuer=ca.signer, ends_at=IN_A_MONTH)
    server = serve_tls(answering(response()), new_leaf(intermediate), intermediate)
    seen = observe(server.url(), tls=ca.tls, expect=Expect(cert_days=days))
    assert (seen.outcome, seen.reason) == (Outcome.DEGRADED if reason else Outcome.UP, reason), seen.error


def test_a_certificate_that_is_not_verified_is_looked_at_too(
    observe: Observer, serve_tls: TlsServerFactory, ca: Authority
) -> None:
    server = serve_tls(answering(response()), new_leaf(ca.signer, ends_at=YESTERDAY))
    seen = observe(server.url(), tls=Tls(verify=False), expect=Expect(cert_days=1))
    assert (seen.outcome, seen.reason) == (Outcome.DEGRADED, Reason.CERT_EXPIRING)
    assert seen.error == "a certificate expired 1 day ago, expected 1 day or more"


def test_the_size_is_that_of_the_decompressed_body(observe: Observer, serve: ServerFactory) -> None:
    url = serve(answering(compressed(b"a" * 1001))).url()
    assert observe(url, expect=Expect(body_size_bytes=1001)).outcome is Outcome.UP
    seen = observe(url, expect=Expect(body_size_bytes=1000))
    assert (seen.reason, seen.error) == (Reason.TOO_LARGE, "the body is longer than 1000 bytes")


def test_an_endless_body_is_too_large_when_that_is_asked_for(observe: Observer, serve: ServerFactory) -> None:
    url = serve(behaviours.sends_endless_body).url()
    assert observe(url, expect=Expect(body_size_bytes=100_000)).reason is Reason.TOO_LARGE


def test_a_trace_shows_what_was_found_without_the_secrets_that_are_echoed(
    make_engine: EngineFactory, serve: ServerFactory
) -> None:
    expect = {"not_match": "hunter", "json": [{"path": "$.key", "equals": "x"}]}
    headers = {"X-Key": "${KEY}"}
    seen = expecting(make_engine(), serve(answering(PAGE)).url(), expect, headers=headers, match="in stock")
    assert [failure.excerpt for failure in seen.failures] == [
        '{"status": "late", "items": [{"id": 7}], "key": "***"}',
        '{"status": "late", "items": [{"id": 7}], "key": "***"}',
        "***",
    ]
    assert "hunter2" not in repr(seen)


@pytest.mark.parametrize("charset", ["utf-8", "latin-1"])
@pytest.mark.parametrize("kind", ["equals", "matches"])
def test_a_header_beyond_ascii_is_the_text_that_was_meant(
    kind: str, charset: str, observe: Observer, serve: ServerFactory
) -> None:
    data = "HTTP/1.1 200 OK\r\nX-Town: Jyväskylä\r\nContent-Length: 0\r\n\r\n".encode(charset)
    expect = Expect(headers=(ExpectedHeader(name="X-Town", **cast("dict[str, Any]", {kind: "Jyväskylä"})),))
    seen = observe(serve(answering(data)).url(), expect=expect)
    assert (seen.outcome, seen.error) == (Outcome.UP, None)


def test_repeated_headers_are_one(observe: Observer, serve: ServerFactory) -> None:
    data = b"HTTP/1.1 200 OK\r\nVary: a\r\nVary: b\r\nContent-Length: 0\r\n\r\n"
    expect = Expect(headers=(ExpectedHeader(name="vary", equals="a, b"),))
    assert observe(serve(answering(data)).url(), expect=expect, headers=(Header("A", "b"),)).outcome is Outcome.UP
