"""A record as a row of the spool, and back: whatever a row holds, reading it ends in something that Kafka takes."""

import re
from typing import Final, NamedTuple, TypeGuard

import msgspec

from sitemon.stream.producer import Record

_TOPIC: Final = re.compile(r"[A-Za-z0-9._-]{1,249}")
_headers: Final = msgspec.msgpack.Decoder(tuple[tuple[str, bytes], ...])

Row = tuple[int, object, object, object, object]


class Spooled(NamedTuple):
    """A record in the spool. Its `id` grows in the order of appending and is never used again by this process.

    `problem` says why its row is none of a record, where it is not; `record` is then what is left of it.
    """

    id: int
    record: Record
    problem: str = ""


def row_of(id_: int, record: Record) -> tuple[int, str, bytes, bytes | None, bytes]:
    """Return the columns of a record's row."""
    return id_, record.topic, record.key, record.value, msgspec.msgpack.encode(record.headers)


def spooled_of(row: Row) -> Spooled:
    """Return what a row holds."""
    id_, topic, key, value, headers = row
    if isinstance(topic, str) and _TOPIC.fullmatch(topic) and isinstance(key, bytes) and _is_value(value):
        try:
            return Spooled(id_, Record(topic, key, value, _headers.decode(headers)))  # type: ignore[arg-type] # or it raises
        except (msgspec.DecodeError, UnicodeDecodeError, TypeError) as exc:
            return Spooled(id_, Record(topic, key, value), f"its headers: {exc}")
    return Spooled(id_, Record(str(topic), _bytes_of(key), _bytes_of(value)), "its topic, key or value")


def text_of(column: bytes) -> str:
    """Return a column of text, also one that is none."""
    return column.decode(errors="replace")


def _is_value(value: object) -> TypeGuard[bytes | None]:
    return value is None or isinstance(value, bytes)


def _bytes_of(column: object) -> bytes:
    return column if isinstance(column, bytes) else str(column).encode()
