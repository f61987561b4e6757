"""The result on the wire: what is written is what is read, times always have six decimals, bad values are poison."""

import json
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest

from sitemon.model.errors import PoisonError
from sitemon.model.moment import to_ms
from sitemon.model.outcome import REASONS, Outcome, Reason
from sitemon.model.result import (
    Certificate,
    Kind,
    Phases,
    Result,
    as_dict,
    certificates_as_dicts,
    decode,
    encode,
    missed_result,
)
from sitemon.model.site import Site

SEVEN = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)
RESULT = Result(
    site="example",
    url="https://example.org/",
    region="default",
    kind=Kind.SCHEDULED,
    slot_at=SEVEN,
    checked_at=SEVEN + timedelta(milliseconds=12),
    outcome=Outcome.UP,
    http_code=200,
    latency_s=0.1234,
    phases_s=Phases(dns=0.001, connect=0.02, tls=0.05, first_byte=0.05, download=0.0024),
    match="Example",
    is_match_found=True,
    ip="192.0.2.10",
    http_version="1.1",
    body_bytes=1256,
    cert_expires_at=datetime(2027, 1, 1, tzinfo=UTC),
)


def test_what_is_written_is_what_is_read() -> None:
    assert decode(encode(RESULT)) == RESULT


def test_times_always_have_six_decimals_and_z() -> None:
    fields = json.loads(encode(RESULT))
    assert fields["slot_at"] == "2026-11-24T07:00:00.000000Z"
    assert fields["checked_at"] == "2026-11-24T07:00:00.012000Z"
    assert fields["cert_expires_at"] == "2027-01-01T00:00:00.000000Z"


def test_a_time_of_another_zone_is_written_in_utc() -> None:
    there = SEVEN.astimezone(timezone(timedelta(hours=3)))
    assert json.loads(encode(msgspec.structs.replace(RESULT, slot_at=there)))["slot_at"].startswith("2026-11-24T07:")


def test_the_dict_is_what_stands_on_kafka() -> None:
    assert as_dict(RESULT) == json.loads(encode(RESULT))


@pytest.mark.parametrize("cert_expires_at", [None, RESULT.cert_expires_at])
@pytest.mark.parametrize("microsecond", [0, 1, 120_000, 999_999])
@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=3)), timezone(timedelta(0))])
def test_its_bytes_are_those_of_the_dict_whatever_its_moments_are(
    zone: timezone, microsecond: int, cert_expires_at: datetime | None
) -> None:
    slot_at = SEVEN.replace(microsecond=microsecond).astimezone(zone)
    result = msgspec.structs.replace(RESULT, slot_at=slot_at, cert_expires_at=cert_expires_at)
    assert encode(result) == msgspec.json.encode(as_dict(result))


def test_readers_ignore_fields_that_they_do_not_know() -> None:
    assert decode(json.dumps(as_dict(RESULT) | {"later": [1]}).encode()) == RESULT


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"\xff\xfe", "not_a_result"),
        (b"[]", "not_a_result"),
        (b"{}", "not_a_result"),
        (encode(RESULT).replace(b'"v":1', b'"v":2'), "unknown_version"),
        (encode(RESULT).replace(b'"up"', b'"fine"'), "not_a_result"),
        (encode(RESULT).replace(b"07:00:00.000000Z", b"07:00:00.000000"), "not_a_result"),
        (encode(RESULT).replace(b'"example"', b'"ex\xffmple"'), "not_a_result"),
        (encode(RESULT).replace(b"example.org/", b"example.org/\\u0001"), "not_a_result"),
        (encode(RESULT).replace(b"example.org/", b"example.org/\\n"), "not_a_result"),
        (encode(RESULT).replace(b"example.org/", b"example.org/\x7f"), "not_a_result"),
    ],
)
def test_what_is_not_a_result_is_poison(value: bytes, reason: str) -> None:
    with pytest.raises(PoisonError) as caught:
        decode(value)
    assert caught.value.reason == reason


CERTIFICATE = Certificate(subject="CN=a", issuer="CN=b", begins_at=SEVEN, expires_at=SEVEN)
CHAIN = certificates_as_dicts([CERTIFICATE])


@pytest.mark.parametrize(
    "fields",
    [
        {"checked_at": "9999-12-31T23:59:59Z"},
        {"checked_at": "0001-01-01T00:00:00Z"},
        {"cert_expires_at": "9999-12-31T23:59:59-00:01"},
        {"cert_expires_at": "0001-01-01T00:00:00+00:01"},
        {"certificates": [CHAIN[0] | {"expires_at": "9999-12-31T23:59:59-23:59"}]},
        {"certificates": [CHAIN[0] | {"begins_at": "0001-01-01T00:00:00+23:59"}]},
        {"latency_s": 1e38},
        {"phases_s": {"dns": -1e38}},
    ],
    ids=str,
)
def test_what_nobody_could_read_again_is_poison(fields: dict[str, object]) -> None:
    with pytest.raises(PoisonError, match="not_a_result"):
        decode(json.dumps(as_dict(RESULT) | fields).encode())


def test_a_certificate_may_last_for_ever() -> None:
    """RFC 5280, 4.1.2.5: one without an end expires at this moment."""
    for_ever = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    lasting = msgspec.structs.replace(CERTIFICATE, expires_at=for_ever)
    result = msgspec.structs.replace(RESULT, cert_expires_at=for_ever, certificates=(lasting,))
    assert decode(encode(result)) == result


def test_a_missed_result_has_no_measurements() -> None:
    site = Site(name="a", url="http://me:secret@a.example/")
    missed = missed_result("a", site, region="eu", slot_ms=1_000, known_at_ms=3_500, reason=Reason.LATE)
    assert (missed.outcome, missed.latency_s, missed.phases_s, missed.http_code) == (Outcome.MISSED, None, None, None)
    assert (missed.url, to_ms(missed.slot_at), to_ms(missed.checked_at)) == ("http://a.example/", 1_000, 3_500)
    assert decode(encode(missed)) == missed


def test_a_missed_result_of_a_site_that_nobody_knows_has_no_url() -> None:
    missed = missed_result("a", None, region="eu", slot_ms=0, known_at_ms=0, reason=Reason.UNKNOWN_SITE)
    assert (missed.site, missed.url) == ("a", "")


def test_every_reason_has_its_outcome_and_meaning() -> None:
    assert set(REASONS) == set(Reason)
    assert Outcome.UP not in {outcome for outcome, _ in REASONS.values()}
