"""The head of a response, line by line: with the bounds and the strictness that a monitor needs (RFC 9112)."""

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from sitemon.checks.errors import CheckError, LeftError
from sitemon.model.outcome import Reason

_MOST_BYTES: Final = 64 << 10
MOST_LINES: Final = 200
_BYTES_OF_LINE: Final = 300
"""Of memory, beside its characters: a field is two texts in a list, and two in a mapping."""
_FRAME_BYTES: Final = 9
"""The header of a frame of HTTP/2; who sends so much without a line's end may speak that, and wait for us."""
CONTROL_CHARACTER: Final = "a header line of the response has a control character in it"
MALFORMED_LINE: Final = "a header line of the response is malformed"
CLOSED_EARLY: Final = "the connection closed before the end of the response's body"
NO_STATUS_LINE: Final = "the response does not begin with a status line"
CONTRADICTING_LENGTH: Final = "the response's Content-Length is malformed or contradicts itself"
OTHER_CODING: Final = "the response has a transfer coding other than chunked"
TOO_LONG: Final = "the response's headers are longer than 64 KiB"
CLOSED_IN_HEADERS: Final = "the server closed the connection in the headers"
CLOSED_UNANSWERED: Final = "the server closed the connection unanswered"

_OTHER_PROTOCOLS: Final = (
    (
        re.compile(rb"\x00..\x04[\x00\x01]\x00{4}", re.DOTALL),  # SETTINGS
        "the server speaks HTTP/2 here, and nothing else",
    ),
    (re.compile(rb"\x15\x03[\x00-\x04]"), "the server speaks TLS on this port"),  # an alert
)
_STATUS_LINE: Final = re.compile(rb"HTTP/(\d)\.(\d)[ \t]+([1-9]\d\d)(?:[ \t]+(.*))?")


class Head(msgspec.Struct, eq=False):
    """The head of one response, with those of the interim responses before it.

    `version` is 10 or 11 as in http.client, `status` the code and `phrase` what stands behind it, `fields` the
    headers as they came; in `headers` they go by names in lower case, repeated ones joined by commas (RFC 9110, 5.3).
    All of it is there once `is_complete`.
    """

    version: int = 0
    status: int = 0
    phrase: str = ""
    fields: list[tuple[str, str]] = []
    headers: dict[str, str] = {}
    is_complete: bool = False
    _bytes_left: int = _MOST_BYTES
    _lines_left: int = MOST_LINES + 2  # the status line, and the empty one at the end
    _is_interim: bool = False
    _unread: bytes = b""

    def take(self, data: bytes) -> bytes | None:
        """Take what came next, b"" when the connection closed; return what stands behind the head, None before that.

        Raises:
            CheckError: it is not valid HTTP/1, or the head is too long.

        """
        data, at = self._unread + data, 0
        while end := data.find(b"\n", at) + 1:
            if self._feed(data[at:end]):
                self._unread = b""
                return data[end:]
            at = end
        is_closed = len(data) == len(self._unread)
        self._unread = data[at:]
        if is_closed or len(self._unread) > self._bytes_left:
            self._feed(self._unread)
        elif self._bytes_left == _MOST_BYTES and len(self._unread) >= _FRAME_BYTES:
            require_http(self._unread)
        return None

    def _feed(self, line: bytes) -> bool:
        """Take the next line with its end; without one, the connection closed there. Return `is_complete`."""
        self._count(line)
        text = line.rstrip(b"\r\n")
        if not self.status:
            self._read_status(text)
        elif self._is_interim:  # RFC 9110, 15.2: any number of interim responses may come first
            if not text:
                self.status, self._is_interim = 0, False
        elif text:
            self._read_field(text.decode("latin-1"))
        else:
            self._join_fields()
            self.is_complete = True
        return self.is_complete

    @property
    def held_bytes(self) -> int:
        """About how much of memory it takes: repeated fields stand there one by one and joined."""
        lines, count = MOST_LINES + 2 - self._lines_left, _MOST_BYTES - self._bytes_left
        return lines * _BYTES_OF_LINE + 2 * count + len(self._unread)

    @property
    def http_version(self) -> str:
        """The version as results name it."""
        return "1.0" if self.version == 10 else "1.1"

    @property
    def locations(self) -> frozenset[str]:
        """The different places to which it redirects."""
        if "location" not in self.headers:
            return frozenset()
        return frozenset(self._values("location"))

    @property
    def set_cookies(self) -> tuple[str, ...]:
        """The cookies that it sets, as they came."""
        return tuple(self._values("set-cookie")) if "set-cookie" in self.headers else ()

    def _values(self, key: str) -> Iterator[str]:
        return (value for name, value in self.fields if name.lower() == key)

    def is_chunked(self) -> bool:
        """Tell whether the body comes in chunks, so that a Content-Length does not count (RFC 9112, 6.3).

        Raises:
            CheckError: it comes in another coding.

        """
        coding = self.headers.get("transfer-encoding", "identity").lower()
        if coding not in ("chunked", "identity"):
            raise malformed(OTHER_CODING)
        return coding == "chunked"

    def content_length(self) -> int | None:
        """Return the length of a body that does not come in chunks, None if it ends with the connection.

        Raises:
            CheckError: it is no number, or there are several.

        """
        field = self.headers.get("content-length")
        if field is None:
            return None
        values = {value.strip() for value in field.split(",")}
        length = values.pop()
        if values or not (length.isascii() and length.isdigit() and len(length) < 19):
            raise malformed(CONTRADICTING_LENGTH)
        return int(length)

    def _count(self, line: bytes) -> None:
        if not self._lines_left:
            raise malformed(f"the response has more than {MOST_LINES} header lines")
        if len(line) > self._bytes_left:
            raise malformed(TOO_LONG)
        if self._bytes_left == _MOST_BYTES:
            require_http(line)
        if not line.endswith(b"\n"):
            raise closed(CLOSED_IN_HEADERS)
        self._lines_left -= 1
        self._bytes_left -= len(line)

    def _read_status(self, line: bytes) -> None:
        found = _STATUS_LINE.fullmatch(line)
        if found is None:
            raise malformed(NO_STATUS_LINE)
        major, minor, code, phrase = found.groups()
        if major != b"1" or minor not in b"01":
            raise malformed(f"the server speaks HTTP/{major.decode()}.{minor.decode()}, though asked in HTTP/1.1")
        if code == b"101":
            raise malformed("the server switches protocols, though not asked to")
        self._is_interim = code.startswith(b"1")
        self.version = 10 if minor == b"0" else 11
        self.status = int(code)
        self.phrase = (phrase or b"").decode("latin-1").strip()

    def _read_field(self, line: str) -> None:
        """Take a field; a line that begins with a blank continues the last (RFC 9112, 5.2)."""
        if "\0" in line or "\r" in line:
            raise malformed(CONTROL_CHARACTER)  # RFC 9110, 5.5
        name, colon, value = line.partition(":")
        if line[0] in " \t" and self.fields:
            last, before = self.fields[-1]
            self.fields[-1] = (last, f"{before} {line.strip()}")
        elif colon and name.strip():
            self.fields.append((name.strip(), value.strip()))
        else:
            raise malformed(MALFORMED_LINE)

    def _join_fields(self) -> None:
        for name, value in self.fields:
            key = name.lower()
            before = self.headers.get(key)
            self.headers[key] = value if before is None else f"{before}, {value}"


def as_text(value: str) -> str:
    """Return a header's value as it was meant: read as latin-1, but what is beyond ASCII is UTF-8 in practice."""
    if value.isascii():
        return value
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value


def require_http(start: bytes) -> None:
    """Look at the first bytes of a response, up to a line.

    Raises:
        CheckError: they are none of HTTP, or there are none.

    """
    if not start:
        raise closed(CLOSED_UNANSWERED)
    for pattern, words in _OTHER_PROTOCOLS:
        if pattern.match(start):
            raise malformed(words)
    if not start.startswith(b"HTTP/"[: len(start)]):
        raise malformed(NO_STATUS_LINE)


def malformed(words: str) -> CheckError:
    """Return what ends the check of a server whose response is not HTTP."""
    return CheckError(Reason.PROTOCOL_ERROR, words)


def closed(words: str) -> LeftError:
    """Return what ends a check whose response the server, or the proxy, did not send to its end."""
    return LeftError(Reason.PROTOCOL_ERROR, words)
