"""Reading a response: http.client's reader, with the bounds and the strictness that a monitor needs.

http.client takes 100 header lines of 64 KiB each, takes "103 Early Hints" for the response, skips header lines
that it cannot read and all that follow, and reads without bound after a chunk size of -1.
"""

import http.client
from typing import Any

from sitemon.checks.chunks import LONGER_THAN_ITS_SIZE, LONGEST_LINE_BYTES, NO_VALID_SIZE, size_of
from sitemon.checks.head import CLOSED_EARLY, Head, malformed


class CheckedResponse(http.client.HTTPResponse):
    """One response; `begin` reads its head, `read` its body.

    Raises:
        CheckError: it is not valid HTTP/1 (RFC 9112) or its head is too long.

    """

    _method: str | None

    def begin(self) -> None:
        """Read up to the end of the headers of the final response."""
        head = Head()
        while not head.feed(self.fp.readline(head.bytes_left + 1)):
            pass
        self.version, self.code, self.status, self.reason = head.version, head.status, head.status, head.phrase
        self.headers = self.msg = http.client.HTTPMessage()
        for name, value in head.fields:
            self.headers[name] = value
        self.chunked = head.is_chunked()
        if self.chunked:
            del self.headers["content-length"]  # it does not count; urllib3 would log a warning each time
        self.chunk_left = None
        self.length = None if self.chunked else head.content_length()
        if head.status in (204, 304) or self._method == "HEAD":
            self.length = 0
        self.will_close = True  # we asked for it, and nothing is sent after this response

    def _get_chunk_left(self) -> Any:
        if self.chunk_left == 0:
            if self.fp.read(2) != b"\r\n":
                raise malformed(LONGER_THAN_ITS_SIZE)
            self.chunk_left = None
        return super()._get_chunk_left()  # type: ignore[misc]  # typeshed does not have what is private

    def _read_next_chunk_size(self) -> int:
        line = self.fp.readline(LONGEST_LINE_BYTES)
        if not line.endswith(b"\n"):
            raise malformed(CLOSED_EARLY if len(line) < LONGEST_LINE_BYTES else NO_VALID_SIZE)
        return size_of(line)
