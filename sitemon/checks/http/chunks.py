"""The framing of a body that comes in chunks (RFC 9112, 7.1), taken off piece by piece."""

import re
from typing import Final

from sitemon.checks.http.head import MOST_LINES, malformed

LONGEST_LINE_BYTES: Final = 64 << 10
_MANY: Final = 100
_FEW_BYTES: Final = 64
NO_VALID_SIZE: Final = "a chunk of the body has no valid size"
LONGER_THAN_ITS_SIZE: Final = "a chunk of the body is longer than its size"
MANY_TRAILERS: Final = f"the response has more than {MOST_LINES} trailers"

_PLAIN_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,16})\r\n")
_SIZE: Final = re.compile(rb"[0-9A-Fa-f]{1,16}")


def size_of(line: bytes) -> int:
    """Return the size of the chunk that this line begins; extensions do not count.

    Raises:
        CheckError: there is none.

    """
    size = line.partition(b";")[0].strip()
    if _SIZE.fullmatch(size):
        return int(size, 16)
    raise malformed(NO_VALID_SIZE)


def _take_whole_chunks(data: bytes, at: int, found: list[bytes]) -> int:
    """Take the chunks that are there as a whole, in their plain form, as most are; return where they end."""
    while (size := _PLAIN_SIZE.match(data, at)) is not None:
        begin, end = size.end(), size.end() + int(size[1], 16)
        if begin == end or data[end : end + 2] != b"\r\n":
            break
        found.append(data[begin:end])
        at = end + 2
    return at


class Chunks:
    """Takes a body in pieces, wherever they are cut; `is_over` after the last chunk and the trailers.

    They `are_small` from the first piece on that held very many: such take many times as long as usual ones.
    """

    def __init__(self) -> None:
        self.is_over = self.are_small = False
        self._unread = b""
        self._left = 0  # of the chunk under way
        self._is_within = False  # a chunk, whose end has not been seen
        self._is_last = False
        self._trailers_left = MOST_LINES

    @property
    def held_bytes(self) -> int:
        """How much is kept of what is no content, or not yet."""
        return len(self._unread)

    def feed(self, piece: bytes) -> bytes:
        """Take the next piece and return what of it is content.

        Raises:
            CheckError: it is not valid framing.

        """
        data, at = self._unread + piece, 0
        found: list[bytes] = []
        while at < len(data) and not self.is_over:
            if not (self._left or self._is_within or self._is_last):
                at = _take_whole_chunks(data, at, found)
            if self._left:
                content = data[at : at + self._left]
                found.append(content)
                self._left -= len(content)
                at += len(content)
                continue
            end = data.find(b"\n", at, at + LONGEST_LINE_BYTES) + 1
            if not end:
                self._require_room(len(data) - at)
                break
            self._read_line(data[at:end])
            at = end
        self._unread = data[at:]
        self.are_small |= len(found) > _MANY and len(found) * _FEW_BYTES > at
        return b"".join(found)

    def _require_room(self, unread_bytes: int) -> None:
        if self._is_within and unread_bytes > 1:
            raise malformed(LONGER_THAN_ITS_SIZE)
        if unread_bytes >= LONGEST_LINE_BYTES:
            raise malformed(NO_VALID_SIZE)

    def _read_line(self, line: bytes) -> None:
        if self._is_within:
            if line != b"\r\n":
                raise malformed(LONGER_THAN_ITS_SIZE)
            self._is_within = False
        elif not self._is_last:
            self._left = size_of(line)
            self._is_within = self._left > 0
            self._is_last = not self._is_within
        elif not line.strip():
            self.is_over = True
        elif self._trailers_left:
            self._trailers_left -= 1
        else:
            raise malformed(MANY_TRAILERS)
