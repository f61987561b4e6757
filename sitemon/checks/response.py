"""Reading a response: http.client's reader, with the bounds and the strictness that a monitor needs.

http.client takes 100 header lines of 64 KiB each, takes "103 Early Hints" for the response, skips header lines
that it cannot read and all that follow, and reads without bound after a chunk size of -1.
"""

import http.client
import re
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

from sitemon.checks.check_error import CheckError
from sitemon.model.outcome import Reason

_NO_STATUS_LINE: Final = "the response does not begin with a status line"
CLOSED_EARLY: Final = "the connection closed before the end of the response's body"

_MOST_HEAD_BYTES: Final = 64 << 10
_MOST_HEAD_LINES: Final = 200
_STATUS_LINE: Final = re.compile(rb"HTTP/(\d)\.(\d)[ \t]+([1-9]\d\d)(?:[ \t]+(.*))?")
_OTHER_PROTOCOLS: Final = (
    (
        re.compile(rb"\x00..\x04[\x00\x01]\x00{4}", re.DOTALL),
        "the server speaks HTTP/2 here, and nothing else",
    ),  # SETTINGS
    (re.compile(rb"\x15\x03[\x00-\x04]"), "the server speaks TLS on this port"),  # an alert
)
_CHUNK_SIZE: Final = re.compile(rb"[0-9A-Fa-f]{1,16}")


class CheckedResponse(http.client.HTTPResponse):
    """One response; `begin` reads its head, `read` its body.

    Raises:
        CheckError: it is not valid HTTP/1 (RFC 9112) or its head is too long.

    """

    _method: str | None

    def begin(self) -> None:
        """Read up to the end of the headers of the final response."""
        lines = _head_lines(self.fp)
        version, status, reason = _final_status(lines)
        self.version, self.code, self.status, self.reason = version, status, status, reason
        self.headers = self.msg = _headers(lines)
        self.chunked = _is_chunked(self.headers)
        self.chunk_left = None
        self.length = None if self.chunked else _content_length(self.headers)
        if status in (204, 304) or self._method == "HEAD":
            self.length = 0
        self.will_close = True  # we asked for it, and nothing is sent after this response

    def _get_chunk_left(self) -> Any:
        if self.chunk_left == 0:
            if self.fp.read(2) != b"\r\n":
                raise _malformed("a chunk of the body is longer than its size")
            self.chunk_left = None
        return super()._get_chunk_left()  # type: ignore[misc]  # typeshed does not have what is private

    def _read_next_chunk_size(self) -> int:
        line = self.fp.readline(_MOST_HEAD_BYTES)
        if not line.endswith(b"\n"):
            raise _malformed(CLOSED_EARLY if len(line) < _MOST_HEAD_BYTES else "a chunk of the body has no valid size")
        size = line.partition(b";")[0].strip()
        if _CHUNK_SIZE.fullmatch(size):
            return int(size, 16)
        raise _malformed("a chunk of the body has no valid size")


def _malformed(words: str) -> CheckError:
    return CheckError(Reason.PROTOCOL_ERROR, words)


def _head_lines(stream: BinaryIO) -> Iterator[bytes]:
    """Yield lines, without their ends, as long as the head stays within its bounds."""
    bytes_left = _MOST_HEAD_BYTES
    for number in range(_MOST_HEAD_LINES + 2):  # and the status line, and the empty one at the end
        line = stream.readline(bytes_left + 1)
        bytes_left -= len(line)
        if bytes_left < 0:
            raise _malformed("the response's headers are longer than 64 KiB")
        if number == 0:
            _require_http(line)
        if not line.endswith(b"\n"):
            raise _malformed("the server closed the connection in the headers")
        yield line.rstrip(b"\r\n")
    raise _malformed("the response has more than 200 header lines")


def _require_http(line: bytes) -> None:
    if not line:
        raise _malformed("the server closed the connection unanswered")
    for start, words in _OTHER_PROTOCOLS:
        if start.match(line):
            raise _malformed(words)
    if not line.startswith(b"HTTP/"[: len(line)]):
        raise _malformed(_NO_STATUS_LINE)


def _final_status(lines: Iterator[bytes]) -> tuple[int, int, str]:
    """Return HTTP version (10 or 11), status code and reason phrase of the response after the interim ones."""
    while True:
        found = _STATUS_LINE.fullmatch(next(lines))
        if found is None:
            raise _malformed(_NO_STATUS_LINE)
        major, minor, code, phrase = found.groups()
        if major != b"1":
            raise _malformed(f"the server speaks HTTP/{major.decode()}.{minor.decode()}, though asked in HTTP/1.1")
        if code == b"101":
            raise _malformed("the server switches protocols, though not asked to")
        if not code.startswith(b"1"):
            return 10 if minor == b"0" else 11, int(code), (phrase or b"").decode("latin-1").strip()
        for _ in iter(lambda: next(lines), b""):  # RFC 9110, 15.2: any number of interim responses may come first
            pass


def _headers(lines: Iterator[bytes]) -> http.client.HTTPMessage:
    headers = http.client.HTTPMessage()
    for name, value in _fields(lines):
        headers[name] = value
    return headers


def _fields(lines: Iterator[bytes]) -> list[tuple[str, str]]:
    """Read fields up to the empty line; a line that begins with a blank continues the last (RFC 9112, 5.2)."""
    fields: list[tuple[str, str]] = []
    for raw in iter(lambda: next(lines), b""):
        line = raw.decode("latin-1")
        if "\0" in line or "\r" in line:
            raise _malformed("a header line of the response has a control character in it")  # RFC 9110, 5.5
        name, colon, value = line.partition(":")
        if line[0] in " \t" and fields:
            fields[-1] = (fields[-1][0], f"{fields[-1][1]} {line.strip()}")
        elif colon and name.strip():
            fields.append((name.strip(), value.strip()))
        else:
            raise _malformed("a header line of the response is malformed")
    return fields


def _is_chunked(headers: http.client.HTTPMessage) -> bool:
    coding = headers.get("transfer-encoding", "identity").strip().lower()
    if coding not in ("chunked", "identity"):
        raise _malformed("the response has a transfer coding other than chunked")
    if coding == "chunked":
        del headers["content-length"]  # RFC 9112, 6.3: it does not count; urllib3 would log a warning each time
    return coding == "chunked"


def _content_length(headers: http.client.HTTPMessage) -> int | None:
    values = {value.strip() for field in headers.get_all("content-length", ()) for value in field.split(",")}
    if not values:
        return None
    length = values.pop()
    if values or not (length.isascii() and length.isdigit() and len(length) < 19):
        raise _malformed("the response's Content-Length is malformed or contradicts itself")
    return int(length)
