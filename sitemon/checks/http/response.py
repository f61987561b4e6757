"""One response, taken in pieces, wherever they are cut: no socket, no time."""

from typing import Final

from sitemon.checks.http.chunks import Chunks
from sitemon.checks.http.head import CLOSED_EARLY, Head, closed, malformed
from sitemon.checks.http.page import Page
from sitemon.checks.http.redirects import SEVERAL_LOCATIONS, is_followed
from sitemon.model.site import Site

_PIECE_BYTES: Final = 16 << 10
_PIECE_OF_SMALL_CHUNKS_BYTES: Final = 2 << 10
"""What takes longest of all that a server may send, chunks of one byte, takes a fraction of a millisecond so."""
_MORE_IF_COMPRESSED: Final = 64 << 10
_SMALL_BYTES: Final = 1 << 10
_JOINED_BYTES: Final = 64 << 10
"""Small pieces are joined to such ones: each takes some fifty bytes beside its own, that no bound on bytes counts."""

_WITHOUT_BODY: Final = frozenset((204, 304))


class Response:
    """The response to one request of a site; of its body no more is taken than the site's cap allows.

    Of a redirect that is followed only the head is taken: nobody looks at its body, and it may be endless.
    """

    def __init__(self, method: str, site: Site) -> None:
        self.head = Head()
        self._method = method
        self._site = site
        self._is_begun = False
        self._has_length = False
        self._chunks: Chunks | None = None
        self._pieces: list[bytes] = []
        self._small = bytearray()
        self._bytes_left = 0
        self._body_bytes = 0

    @property
    def http_code(self) -> int | None:
        """The status, once the head is there and says in which way the body comes."""
        return self.head.status if self._is_begun else None

    @property
    def held_bytes(self) -> int:
        """About how much of memory it takes so far."""
        in_chunks = 0 if self._chunks is None else self._chunks.held_bytes
        return self.head.held_bytes + in_chunks + self._body_bytes

    @property
    def piece_bytes(self) -> int:
        """How much may be fed next, so that others wait for none of it."""
        are_small = self._chunks is not None and self._chunks.are_small
        return _PIECE_OF_SMALL_CHUNKS_BYTES if are_small else _PIECE_BYTES

    def feed(self, data: bytes) -> bool:
        """Take what came next, b"" when the connection closed; return whether that is all that is wanted.

        Raises:
            CheckError: it is not valid HTTP/1 (RFC 9112).

        """
        if self._is_begun:
            return self._take(data) if data else self._end()
        rest = self.head.take(data)
        if rest is None:
            return False
        self._begin_body()
        return self._take(rest)

    def page(self) -> Page:
        """Return the response, which is all there."""
        self._join()
        head = self.head
        return Page(head.status, head.headers, tuple(self._pieces), head.locations, head.set_cookies)

    def _begin_body(self) -> None:
        """Find out how the body ends (RFC 9112, 6.3)."""
        head, length = self.head, None
        is_without_body = self._method == "HEAD" or head.status in _WITHOUT_BODY  # whatever the headers say of one
        if not is_without_body and head.is_chunked():
            self._chunks = Chunks()
        elif not is_without_body:
            length = head.content_length()
        self._is_begun = True
        is_followed_on = is_followed(self._site, head.status)
        if head.status // 100 == 3 and len(head.locations) > 1 and not is_followed_on:
            raise malformed(SEVERAL_LOCATIONS)
        self._has_length = length is not None
        if not (is_followed_on or is_without_body):
            self._bytes_left = self._most_bytes() if length is None else min(length, self._most_bytes())

    def _most_bytes(self) -> int:
        most_bytes = self._site.max_body_bytes
        if "content-encoding" in self.head.headers:  # even the least compressible body is hardly longer by it
            return 2 * most_bytes + _MORE_IF_COMPRESSED
        return most_bytes

    def _take(self, data: bytes) -> bool:
        if not self._bytes_left:
            return True
        content = data if self._chunks is None else self._chunks.feed(data)
        content = content[: self._bytes_left]
        if len(content) < _SMALL_BYTES and self._pieces:
            self._small += content
            if len(self._small) >= _JOINED_BYTES:
                self._join()
        else:
            self._join()
            self._pieces.append(content)
        self._bytes_left -= len(content)
        self._body_bytes += len(content)
        return not self._bytes_left or (self._chunks is not None and self._chunks.is_over)

    def _join(self) -> None:
        if self._small:
            self._pieces.append(bytes(self._small))
            self._small.clear()

    def _end(self) -> bool:
        if self._has_length or self._chunks is not None:
            raise closed(CLOSED_EARLY)
        return True
