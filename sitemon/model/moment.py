"""Moments: aware UTC datetimes, their text on the wire, and their whole milliseconds."""

from datetime import UTC, datetime, timedelta
from typing import Final

LATEST_MS: Final = 253_402_300_799_999
"""The last millisecond that a moment can hold: the end of year 9999."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_UTC_OFFSET = "+00:00"


def format_utc(moment: datetime) -> str:
    """Write a moment as on Kafka: RFC 3339 in UTC, always six decimals and ``Z``."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[: -len(_UTC_OFFSET)] + "Z"


def from_ms(milliseconds: int) -> datetime:
    """Return the moment that lies this many milliseconds, `LATEST_MS` at most, after the Unix epoch."""
    return _EPOCH + milliseconds * _MILLISECOND


def to_ms(moment: datetime) -> int:
    """Return the whole milliseconds from the Unix epoch to the moment, rounded down."""
    return (moment - _EPOCH) // _MILLISECOND
