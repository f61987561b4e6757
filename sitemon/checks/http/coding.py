"""A body as it was before a server compressed it, though asked not to; what is decompressed is bounded (RFC 9110, 8.4).

urllib3 takes a stream that was cut off for whole, and one in a coding that it does not know for plain text.
"""

import zlib
from collections.abc import Callable
from typing import Final

from sitemon.checks.errors import CheckError
from sitemon.checks.http.decompressors import DECOMPRESSORS, ERRORS, Decompressor
from sitemon.model.outcome import Reason

Read = Callable[[int], bytes]
"""Returns about so many bytes, none at the end."""

BROKEN: Final = "the compression of the response's body is broken"
CUT_OFF: Final = "the compressed body of the response is cut off"

_PIECE_BYTES: Final = 16 << 10
_MORE_INPUT_BYTES: Final = 64 << 10
"""The least compressible body is hardly longer when compressed; streams that hold nothing could go on for ever."""
_MOST_CODINGS: Final = 5
_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS
_BARE_DEFLATE: Final = -zlib.MAX_WBITS
_INFLATED: Final = frozenset(("deflate", "gzip", "x-gzip"))
_OPTIONAL: Final = frozenset(("br", "zstd"))
_UNREADABLE: Final = frozenset(("br", "compress", "dcb", "dcz", "exi", "pack200-gzip", "x-compress", "zstd"))
"""The others that IANA knows; of br and zstd see `DECOMPRESSORS`.

Words that are no coding, such as ``utf-8``, are passed over, as browsers do.
"""


def read_decoded(read: Read, content_encoding: str, most_bytes: int) -> bytes:
    """Return the body without its compression, up to `most_bytes` of it.

    Raises:
        CheckError: it is compressed in a way that cannot be undone, or was cut off.
        zlib.error: the compression is broken.

    """
    if content_encoding:
        for coding in reversed(_codings(content_encoding)):
            new, most_input_bytes = DECOMPRESSORS.get(coding), 2 * most_bytes + _MORE_INPUT_BYTES
            read = (
                _Inflated(read, most_input_bytes) if new is None else _Decompressed(read, most_input_bytes, new)
            ).read
    body = bytearray()
    while len(body) < most_bytes and (piece := read(most_bytes - len(body))):
        body += piece
    return bytes(body[:most_bytes])


def _codings(content_encoding: str) -> list[str]:
    """Return the codings to undo, the last first applied; those of zlib tell by themselves which they are."""
    named = [word.strip().lower() for word in content_encoding.split(",")]
    unreadable = next((word for word in named if word in _UNREADABLE and word not in DECOMPRESSORS), None)
    if unreadable:
        how = "is not installed: see sitemon[compression]" if unreadable in _OPTIONAL else "sitemon cannot undo"
        raise CheckError(Reason.PROTOCOL_ERROR, f"the response's body is compressed by {unreadable}, which {how}")
    found = [word for word in named if word in _INFLATED or word in DECOMPRESSORS]
    if len(found) > _MOST_CODINGS:
        raise CheckError(Reason.PROTOCOL_ERROR, f"the response's body is compressed more than {_MOST_CODINGS} times")
    return found


class _Input:
    """What is to be decompressed, with an end."""

    def __init__(self, read: Read, most_bytes: int) -> None:
        self._read = read
        self._bytes_left = most_bytes

    def take(self) -> bytes:
        """Return what comes next, none at the end."""
        data = self._read(_PIECE_BYTES)
        self._bytes_left -= len(data)
        if self._bytes_left < 0:
            raise CheckError(Reason.PROTOCOL_ERROR, "the compressed body of the response holds too little")
        return data


class _Decompressed:
    """Reads what a reader's bytes are when decompressed; streams may follow each other (RFC 8878, 3)."""

    def __init__(self, read: Read, most_input_bytes: int, new: Callable[[], Decompressor]) -> None:
        self._input = _Input(read, most_input_bytes)
        self._new = new
        self._stream = new()
        self._rest = b""
        self._is_inside = False

    def read(self, most_bytes: int) -> bytes:
        """Return about so many bytes, none at the end; raises as `read_decoded` does."""
        while True:
            data = b""
            if self._stream.needs_input and not (data := self._rest or self._input.take()):
                if self._is_inside:
                    raise CheckError(Reason.PROTOCOL_ERROR, CUT_OFF)
                return b""
            try:
                found = self._stream.decompress(data, most_bytes)
            except ERRORS as exc:
                raise CheckError(Reason.PROTOCOL_ERROR, BROKEN) from exc
            self._is_inside, self._rest = not self._stream.eof, b""
            if not self._is_inside:
                self._rest, self._stream = self._stream.unused_data, self._new()
            if found:
                return found


class _Inflated:
    """Reads what a reader's bytes are when inflated, each time only as much as is asked for."""

    def __init__(self, read: Read, most_input_bytes: int) -> None:
        self._input = _Input(read, most_input_bytes)
        self._data = b""  # compressed, and not looked at yet
        self._inflater = zlib.decompressobj(_GZIP_OR_ZLIB)
        self._is_inside = False
        self._is_over = False

    def read(self, most_bytes: int) -> bytes:
        """Return up to so many bytes, none at the end; raises as `read_decoded` does."""
        while not self._is_over:
            self._data = self._data or self._input.take()
            is_last = not self._data
            found = self._inflate(most_bytes)
            if found:
                return found
            if is_last and self._is_inside:
                raise CheckError(Reason.PROTOCOL_ERROR, CUT_OFF)
            self._is_over = self._is_over or is_last
        return b""

    def _inflate(self, most_bytes: int) -> bytes:
        try:
            found = self._inflater.decompress(self._data, most_bytes)
        except zlib.error:
            if self._is_inside:
                raise
            self._inflater = zlib.decompressobj(_BARE_DEFLATE)  # what some servers take for deflate
            found = self._inflater.decompress(self._data, most_bytes)
        self._is_inside = self._is_inside or bool(self._data)
        self._data = self._inflater.unconsumed_tail
        if self._inflater.eof:
            self._go_on_after(self._inflater.unused_data)
        return found

    def _go_on_after(self, rest: bytes) -> None:
        """Expect another gzip stream (RFC 1952, 2.2), or padding, at which nobody looks."""
        if len(rest) == 1:
            rest += self._input.take()
        self._is_over = bool(rest) and not rest.startswith(b"\x1f\x8b")
        self._data = rest
        self._inflater = zlib.decompressobj(_GZIP_OR_ZLIB)
        self._is_inside = False
