"""A body as it was before a server compressed it, though asked not to; what is decompressed is bounded (RFC 9110, 8.4).

urllib3 takes a stream that was cut off for whole, and one in a coding that it does not know for plain text.
"""

import zlib
from collections.abc import Callable
from typing import Final

from sitemon.checks.errors import CheckError
from sitemon.model.outcome import Reason

Read = Callable[[int], bytes]
"""Returns up to so many bytes, none at the end."""

_PIECE_BYTES: Final = 16 << 10
_MORE_INPUT_BYTES: Final = 64 << 10
"""The least compressible body is hardly longer when compressed; streams that hold nothing could go on for ever."""
_MOST_CODINGS: Final = 5
_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS
_BARE_DEFLATE: Final = -zlib.MAX_WBITS
_INFLATED: Final = frozenset(("deflate", "gzip", "x-gzip"))
_UNREADABLE: Final = frozenset(("br", "compress", "dcb", "dcz", "exi", "pack200-gzip", "x-compress", "zstd"))
"""The others that IANA knows. Words that are no coding, such as ``utf-8``, are passed over, as browsers do."""


def read_decoded(read: Read, content_encoding: str, most_bytes: int) -> bytes:
    """Return the body without its compression, up to `most_bytes` of it.

    Raises:
        CheckError: it is compressed in a way that cannot be undone, or was cut off.
        zlib.error: the compression is broken.

    """
    if content_encoding:
        for _ in _codings(content_encoding):
            read = _Inflated(read, 2 * most_bytes + _MORE_INPUT_BYTES).read
    body = bytearray()
    while len(body) < most_bytes and (piece := read(most_bytes - len(body))):
        body += piece
    return bytes(body)


def _codings(content_encoding: str) -> list[str]:
    """Return the codings to undo; each of them tells by itself which it is."""
    named = [word.strip().lower() for word in content_encoding.split(",")]
    unreadable = next((word for word in named if word in _UNREADABLE), None)
    if unreadable:
        words = f"the response's body is compressed by {unreadable}, which sitemon cannot undo"
        raise CheckError(Reason.PROTOCOL_ERROR, words)
    found = [word for word in named if word in _INFLATED]
    if len(found) > _MOST_CODINGS:
        raise CheckError(Reason.PROTOCOL_ERROR, f"the response's body is compressed more than {_MOST_CODINGS} times")
    return found


class _Inflated:
    """Reads what a reader's bytes are when inflated, each time only as much as is asked for."""

    def __init__(self, read: Read, most_input_bytes: int) -> None:
        self._read_input = read
        self._input_bytes_left = most_input_bytes
        self._data = b""  # compressed, and not looked at yet
        self._inflater = zlib.decompressobj(_GZIP_OR_ZLIB)
        self._is_inside = False
        self._is_over = False

    def read(self, most_bytes: int) -> bytes:
        """Return up to so many bytes, none at the end; raises as `read_decoded` does."""
        while not self._is_over:
            self._data = self._data or self._read()
            is_last = not self._data
            found = self._inflate(most_bytes)
            if found:
                return found
            if is_last and self._is_inside:
                raise CheckError(Reason.PROTOCOL_ERROR, "the compressed body of the response is cut off")
            self._is_over = self._is_over or is_last
        return b""

    def _read(self) -> bytes:
        data = self._read_input(_PIECE_BYTES)
        self._input_bytes_left -= len(data)
        if self._input_bytes_left < 0:
            raise CheckError(Reason.PROTOCOL_ERROR, "the compressed body of the response holds too little")
        return data

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
            rest += self._read()
        self._is_over = bool(rest) and not rest.startswith(b"\x1f\x8b")
        self._data = rest
        self._inflater = zlib.decompressobj(_GZIP_OR_ZLIB)
        self._is_inside = False
