"""Results as rows of PostgreSQL's binary COPY format (manual: COPY, "Binary Format").

Binary, since both sides are then cheaper than with text: the server does not parse moments and numbers, and one
`struct` call writes all columns that are never null.
"""

import ipaddress
import struct
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from sitemon.model.errors import PoisonError
from sitemon.model.outcome import Outcome
from sitemon.model.result import Kind, Phases, Result
from sitemon.store.errors import BadRowError
from sitemon.store.names import Numbers

_HEADER: Final = b"PGCOPY\n\xff\r\n\x00" + struct.pack(">ii", 0, 0)
_TRAILER: Final = struct.pack(">h", -1)
_NULL: Final = struct.pack(">i", -1)
_COLUMNS: Final = 23

_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

_always: Final = struct.Struct(">h iq iq ii ii ii ih ii")
_smallint: Final = struct.Struct(">ih")
_moment: Final = struct.Struct(">iq")
_boolean: Final = struct.Struct(">i?")
_latency: Final = struct.Struct(">if")
_phases: Final = struct.Struct(">if if if if if")


def _text(value: str | None) -> bytes:
    if value is None:
        return _NULL
    encoded = value.encode()
    return len(encoded).to_bytes(4, "big") + encoded


_KINDS: Final = {kind: _text(kind) for kind in Kind}
_OUTCOMES: Final = {outcome: _text(outcome) for outcome in Outcome}


def rows_of(results: Iterable[Result], numbers: Numbers) -> bytes:
    """Return the results as the rows of table ``incoming``.

    Raises:
        BadRowError: one of them holds a number, a text or an address that its column cannot hold, or has no target.

    """
    rows = [_HEADER]
    try:
        rows += (_row(result, numbers) for result in results)
    except (PoisonError, UnicodeEncodeError, struct.error, OverflowError, KeyError) as exc:
        # A list that is extended by a generator keeps what came before the error.
        raise _bad_row(exc, len(rows) - 1) from exc
    return b"".join((*rows, _TRAILER))


def _bad_row(exc: Exception, row: int) -> BadRowError:
    if isinstance(exc, PoisonError):
        return BadRowError(exc.reason, exc.detail, row)
    if isinstance(exc, UnicodeEncodeError):
        return BadRowError("not_text", "a text holds half of a surrogate pair", row)
    if isinstance(exc, KeyError):
        # The database tells targets of a site apart by MD5, of which anybody can make two that are alike.
        return BadRowError("refused_by_database", "its URL or regex has the MD5 of another one of its site", row)
    return BadRowError("out_of_range", f"a number does not fit its column: {exc}", row)


def _row(result: Result, numbers: Numbers) -> bytes:
    code = result.http_code
    is_found = result.is_match_found
    expires_at = result.cert_expires_at
    return b"".join(
        (
            _always.pack(
                _COLUMNS,
                8,
                _microseconds(result.slot_at),
                8,
                _microseconds(result.checked_at),
                4,
                numbers.sites[result.site],
                4,
                numbers.regions[result.region],
                4,
                numbers.targets[result.site, result.url, result.match],
                2,
                result.redirects,
                4,
                result.body_bytes,
            ),
            _KINDS[result.kind],
            _OUTCOMES[result.outcome],
            _NULL if result.latency_s is None else _latency.pack(4, result.latency_s),
            _five_phases(result.phases_s),
            _NULL if result.reason is None else _smallint.pack(2, numbers.reasons[result.reason]),
            _NULL if code is None else _smallint.pack(2, code),
            _NULL if is_found is None else _boolean.pack(1, is_found),
            _NULL if expires_at is None else _moment.pack(8, _microseconds(expires_at)),
            inet(result.ip),
            _text(result.http_version),
            _text(result.error),
            _text(result.excerpt),
        )
    )


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _five_phases(phases: Phases | None) -> bytes:
    if phases is None:
        return _NULL * 5
    return _phases.pack(4, phases.dns, 4, phases.connect, 4, phases.tls, 4, phases.first_byte, 4, phases.download)


@lru_cache(maxsize=10_000)
def inet(text: str | None) -> bytes:
    """Return an inet value: family (AF_INET, or one more), prefix length, is_cidr, length, address.

    Raises PoisonError when the text is no address.
    """
    if text is None:
        return _NULL
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError as exc:
        raise PoisonError("not_a_result", "ip is not an address") from exc
    packed = address.packed
    inet = bytes((2 if address.version == 4 else 3, address.max_prefixlen, 0, len(packed))) + packed
    return len(inet).to_bytes(4, "big") + inet
