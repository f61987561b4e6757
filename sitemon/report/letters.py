"""How dead letters are shown: whatever is in them, as text that does nothing to a terminal. Pure."""

import base64
import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from sitemon.model.errors import PoisonError
from sitemon.model.marks import decode_mark
from sitemon.model.moment import format_utc, from_ms
from sitemon.model.one_line import one_line, shortened
from sitemon.model.result import decode
from sitemon.model.schedule import decode_event
from sitemon.stream.dead_letters import Kept
from sitemon.stream.topics import Topics

_SHOWN_BYTES: Final = 64 << 10
_PRETTY_CHARS: Final = 1 << 20
_HEX_BYTES: Final = 4 << 10
_KEY_CHARS: Final = 40
_KEY_BYTES: Final = 4 * (_KEY_CHARS + 1)
_HEX_LINE: Final = 16


def letters_table(letters: Iterable[Kept]) -> Table:
    """Return the table of dead letters."""
    table = Table("number", "put aside (UTC)", "reason", "came from", "key", box=None, pad_edge=False)
    table.add_column("bytes", justify="right")
    for kept in letters:
        letter = kept.letter
        size = "none" if kept.value_bytes is None else f"{kept.value_bytes:,}"
        moment = f"{from_ms(kept.kept_at_ms):%Y-%m-%d %H:%M:%S}"
        # Text, because rich would take square brackets for its own.
        key = shortened(text_of((letter.key or b"")[:_KEY_BYTES]), _KEY_CHARS)
        cells = (kept.number, moment, one_line(letter.reason), _origin(kept), key, size)
        table.add_row(*map(Text, cells))
    return table


def letter_lines(kept: Kept, topics: Topics) -> Iterator[str]:
    """Give everything there is to say of a dead letter."""
    letter = kept.letter
    yield f"number     {kept.number}"
    yield f"put aside  {format_utc(from_ms(kept.kept_at_ms))}"
    yield f"reason     {one_line(letter.reason)}"
    yield f"now        {one_line(verdict(kept, topics))}"
    yield f"came from  {_origin(kept)}"
    yield f"key        {text_of(letter.key)}"
    if letter.truncated:
        yield f"truncated  {one_line(letter.truncated)}  (length in bytes and SHA-256 of the whole value)"
    if letter.value is None:
        yield "value      none: a tombstone"
        return
    yield f"value      {len(letter.value):,} bytes"
    yield ""
    yield from _value_lines(letter.value)


def as_json_types(kept: Kept, topics: Topics, *, with_value: bool) -> dict[str, Any]:
    """Return a dead letter as plain JSON types. Bytes are text where they are UTF-8, and always base64."""
    letter = kept.letter
    found: dict[str, Any] = {
        "number": kept.number,
        "kept_at": format_utc(from_ms(kept.kept_at_ms)),
        "reason": letter.reason,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "truncated": letter.truncated or None,
        "value_bytes": kept.value_bytes,
        **_both_forms("key", letter.key),
    }
    if with_value:
        found |= {"now": verdict(kept, topics), **_both_forms("value", letter.value)}
    return found


def verdict(kept: Kept, topics: Topics) -> str:
    """Return what reading the value says now: a newer version than the one that put it aside may be able to."""
    letter = kept.letter
    try:
        if letter.value is not None:
            {topics.schedule: decode_event, topics.marks: decode_mark}.get(letter.topic, decode)(letter.value)
            return "it can be read"
    except PoisonError as exc:
        return str(exc)
    return "tombstone: there is no value"


def text_of(data: bytes | None) -> str:
    """Return bytes as one line: text where it is UTF-8, everything else escaped as in Python."""
    return "" if data is None else one_line(data.decode(errors="backslashreplace"))


def _origin(kept: Kept) -> str:
    letter = kept.letter
    if not letter.topic:
        return "unknown"
    place = f"{letter.partition}:{letter.offset}" if letter.offset >= 0 else "(never taken by Kafka)"
    return f"{one_line(letter.topic)} {place}"


def _both_forms(name: str, data: bytes | None) -> dict[str, str | None]:
    try:
        text = None if data is None else data.decode()
    except UnicodeDecodeError:
        text = None
    return {name: text, f"{name}_base64": None if data is None else base64.b64encode(data).decode()}


def _value_lines(value: bytes) -> Iterator[str]:
    """Give a value as JSON, as text, or as hexadecimal digits, whichever is the first that it is."""
    shown = value[:_SHOWN_BYTES]
    try:
        text = shown.decode()
    except UnicodeDecodeError:
        shown = value[:_HEX_BYTES]
        yield from _hex_lines(shown)
    else:
        yield from map(one_line, _pretty(text).splitlines())
    if len(shown) < len(value):
        yield f"… and {len(value) - len(shown):,} bytes more; --json gives all of them"


def _pretty(text: str) -> str:
    """Return JSON with a line for each value; as it is, where that is long: a line begins with its depth in spaces."""
    pieces = []
    left_chars = _PRETTY_CHARS
    try:
        for piece in json.JSONEncoder(indent=2, ensure_ascii=False).iterencode(json.loads(text)):
            pieces.append(piece)
            left_chars -= len(piece)
            if left_chars < 0:
                return text
    except (ValueError, RecursionError):
        return text
    return "".join(pieces)


def _hex_lines(data: bytes) -> Iterator[str]:
    for start in range(0, len(data), _HEX_LINE):
        line = data[start : start + _HEX_LINE]
        printable = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in line)
        yield f"{start:08x}  {line.hex(' '):<{3 * _HEX_LINE - 1}}  {printable}"
