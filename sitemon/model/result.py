"""The result: the message on Kafka, version 1, and what the database keeps of it.

`Result` is the only definition of it. Readers ignore fields that they do not know, so a field may be added
without a new version.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final

import msgspec

from sitemon.model.errors import PoisonError
from sitemon.model.moment import format_utc, from_ms
from sitemon.model.outcome import Outcome, Reason
from sitemon.model.region import Region, is_region
from sitemon.model.site import Site
from sitemon.model.wire import decoded

VERSION: Final = 1

SmallInt = Annotated[int, msgspec.Meta(ge=-(2**15), le=2**15 - 1)]
Int = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]
Seconds = Annotated[float, msgspec.Meta(ge=-1e6, le=1e6)]
"""What PostgreSQL's smallint and integer hold, and what can be added to a moment: the decoder refuses the rest, at no
cost for what is good."""

_FIRST_MOMENT: Final = datetime.min.replace(tzinfo=UTC)
_LAST_MOMENT: Final = datetime.max.replace(tzinfo=UTC)
"""What a certificate may say. What PostgreSQL has beyond, nobody can read: alerter and page would end by one row."""

_FIRST_CHECK: Final = _FIRST_MOMENT + timedelta(seconds=1e6)
_LAST_CHECK: Final = _LAST_MOMENT - timedelta(seconds=1e6)
"""The latency is added to it."""

Url = Annotated[str, msgspec.Meta(max_length=8_000)]
Regex = Annotated[str, msgspec.Meta(max_length=4_096)]
Address = Annotated[str, msgspec.Meta(max_length=61)]
"""45 characters of an address, and the name of an interface."""
ShortText = Annotated[str, msgspec.Meta(max_length=512)]
HttpVersion = Annotated[str, msgspec.Meta(max_length=16)]
DistinguishedName = Annotated[str, msgspec.Meta(max_length=256)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class Kind(StrEnum):
    """Who asked for the check."""

    SCHEDULED = "scheduled"
    ADHOC = "adhoc"
    MONITOR = "monitor"
    CONFIRM = "confirm"


class Phases(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds that each phase of the last hop took; 0 for a phase that did not take place."""

    dns: Seconds = 0.0
    connect: Seconds = 0.0
    tls: Seconds = 0.0
    first_byte: Seconds = 0.0
    download: Seconds = 0.0


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate that a server sent; the names are its owner's and its issuer's, as RFC 4514 writes them."""

    subject: DistinguishedName
    issuer: DistinguishedName
    begins_at: Moment
    expires_at: Moment


Chain = Annotated[tuple[Certificate, ...], msgspec.Meta(max_length=8)]


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What one check found. Its key is (site, region, slot_at, kind).

    `checked_at` is when the check began; of a ``missed`` result, when that was known. `latency_s` is the whole
    check in seconds, redirects included. A ``missed`` result has no latency, phases or HTTP code. `excerpt` is the
    piece of the response that tells why a site is down, on one line and without the site's secrets. `certificates` are
    those that the server sent, its own first, when they are others than before; mostly null.
    """

    v: int = VERSION
    site: str
    url: Url
    region: Region
    kind: Kind
    slot_at: Moment
    checked_at: Moment
    outcome: Outcome
    reason: Reason | None = None
    http_code: SmallInt | None = None
    latency_s: Seconds | None = None
    phases_s: Phases | None = None
    match: Regex | None = None
    is_match_found: bool | None = None
    ip: Address | None = None
    http_version: HttpVersion | None = None
    redirects: SmallInt = 0
    body_bytes: Int = 0
    cert_expires_at: Moment | None = None
    error: ShortText | None = None
    excerpt: ShortText | None = None
    certificates: Chain | None = None


def missed_result(
    name: str, site: Site | None, *, region: str, slot_ms: int, known_at_ms: int, reason: Reason
) -> Result:
    """Return the result of a slot at which nobody looked, as known since that moment (both in ms of the epoch).

    `site` is the site of this name; None where nobody knows it any more.
    """
    return Result(
        site=name,
        url=site.display_url if site else "",
        region=region,
        kind=Kind.SCHEDULED,
        slot_at=from_ms(slot_ms),
        checked_at=from_ms(known_at_ms),
        outcome=Outcome.MISSED,
        reason=reason,
    )


_ESCAPE: Final = b"\\"
"""A NUL is written with one (RFC 8259, 7)."""
_CONTROL: Final = re.compile(r"[\x01-\x1f\x7f]")
"""No URL has one (RFC 3986, 2), and each would be six characters of all JSON that is made of it.

`str.isprintable` takes half of the time, and is false of more."""

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Result)


def as_dict(result: Result) -> dict[str, Any]:
    """Return the result as plain JSON types, exactly as it stands on Kafka."""
    fields = msgspec.structs.asdict(result)
    for name in ("slot_at", "checked_at", "cert_expires_at"):
        if fields[name] is not None:
            fields[name] = format_utc(fields[name])
    if result.phases_s is not None:
        fields["phases_s"] = msgspec.structs.asdict(result.phases_s)
    if result.certificates is not None:
        fields["certificates"] = certificates_as_dicts(result.certificates)
    return fields


def certificates_as_dicts(certificates: Iterable[Certificate]) -> list[dict[str, str]]:
    """Return certificates as plain JSON types."""
    return [
        {
            "subject": one.subject,
            "issuer": one.issuer,
            "begins_at": format_utc(one.begins_at),
            "expires_at": format_utc(one.expires_at),
        }
        for one in certificates
    ]


def encode(result: Result) -> bytes:
    """Return the Kafka value of a result."""
    moments = (result.slot_at, result.checked_at)
    # msgspec writes moments alike in a ninth of the time, but whole seconds without decimals.
    is_alike = result.cert_expires_at is None and result.certificates is None
    if is_alike and all(moment.microsecond and moment.tzinfo is UTC for moment in moments):
        return _encoder.encode(result)
    return _encoder.encode(as_dict(result))


def decode(value: bytes) -> Result:
    """Read a Kafka value.

    Raises:
        PoisonError: it is not JSON, lacks a field, has one of a wrong type, out of its range or longer than any of
            ours, a moment without zone or beyond the years 1 to 9999, a text with a NUL, which PostgreSQL has no place
            for, a URL with another control character, or a region that no configuration can have, or is of another
            version.

    """
    result = decoded(_decoder, value, VERSION, "not_a_result")
    if not (_FIRST_CHECK <= result.checked_at <= _LAST_CHECK and _are_certificate_dates_good(result)):
        raise PoisonError("not_a_result", "a moment is out of range")
    if _ESCAPE in value and any("\0" in text for text in _texts(result)):
        raise PoisonError("not_text", "a text holds a NUL")
    if not result.url.isprintable() and _CONTROL.search(result.url):
        raise PoisonError("not_a_result", "the URL holds a control character")
    if not is_region(result.region):
        raise PoisonError("not_a_result", "the region has a name that no configuration can have")
    return result


def _are_certificate_dates_good(result: Result) -> bool:
    if result.cert_expires_at is not None and not _FIRST_MOMENT <= result.cert_expires_at <= _LAST_MOMENT:
        return False
    return not result.certificates or all(
        _FIRST_MOMENT <= date <= _LAST_MOMENT for one in result.certificates for date in (one.begins_at, one.expires_at)
    )


def _texts(result: Result) -> Iterator[str]:
    yield from (text for text in msgspec.structs.astuple(result) if isinstance(text, str))
    for one in result.certificates or ():
        yield from (one.subject, one.issuer)
