"""The reader of responses, without a socket: its words, and that no bytes whatever bring it down."""

import io
import socket
from typing import Any, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sitemon.checks.check_error import CheckError
from sitemon.checks.failures import explain
from sitemon.checks.response import CheckedResponse


class _Replay:
    """A socket that has received these bytes, in these pieces, and was closed by the peer."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Pieces(self._pieces))


class _Pieces(io.RawIOBase):
    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = [piece for piece in pieces if piece]

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        if not self._pieces:
            return 0
        piece = self._pieces[0][: len(buffer)]
        buffer[: len(piece)] = piece
        self._pieces[0] = self._pieces[0][len(piece) :]
        if not self._pieces[0]:
            del self._pieces[0]
        return len(piece)


def begun(*pieces: bytes) -> CheckedResponse:
    """Return a response whose head has been read."""
    received = CheckedResponse(cast("socket.socket", _Replay(list(pieces))), method="GET")
    received.begin()
    return received


HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "the server closed the connection unanswered"),
        (b"HTTP", "the server closed the connection in the headers"),
        (HEAD, "the server closed the connection in the headers"),
        (HEAD + b"X: y\r\n", "the server closed the connection in the headers"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "the server closed the connection in the headers"),
        (b"nonsense\r\n\r\n", "the response does not begin with a status line"),
        (b"HTTP/1.1 099 x\r\n\r\n", "the response does not begin with a status line"),
        (b"HTTP/1.1 2000 x\r\n\r\n", "the response does not begin with a status line"),
        (b"HTTP/3.0 200 OK\r\n\r\n", "the server speaks HTTP/3.0, though asked in HTTP/1.1"),
        (b"HTTP/1.1 101 x\r\n\r\n", "the server switches protocols, though not asked to"),
        (HEAD + b"nonsense\r\n\r\n", "a header line of the response is malformed"),
        (HEAD + b": y\r\n\r\n", "a header line of the response is malformed"),
        (HEAD + b" folded onto nothing\r\n\r\n", "a header line of the response is malformed"),
        (HEAD + b"X: " + b"y" * (64 << 10), "the response's headers are longer than 64 KiB"),
        (HEAD + b"X: y\r\n" * 201 + b"\r\n", "the response has more than 200 header lines"),
        (b"HTTP/1.1 100 x\r\n\r\n" * 200, "the response has more than 200 header lines"),
        (HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n", "the response has a transfer coding other than chunked"),
        (HEAD + b"Content-Length: 1, 2\r\n\r\n", "the response's Content-Length is malformed or contradicts itself"),
        (HEAD + b"Content-Length: +1\r\n\r\n", "the response's Content-Length is malformed or contradicts itself"),
    ],
)
def test_a_head_that_is_not_valid_is_refused_in_plain_words(data: bytes, words: str) -> None:
    with pytest.raises(CheckError) as raised:
        begun(data)
    assert raised.value.words == words


@pytest.mark.parametrize("size", [b"", b"-1", b"+5", b"0x5", b"5 5", b"f" * 17])
def test_a_chunk_size_that_is_not_valid_is_refused(size: bytes) -> None:
    received = begun(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + size + b"\r\nhello\r\n0\r\n\r\n")
    with pytest.raises(CheckError, match="a chunk of the body has no valid size"):
        received.read(100)


def test_a_head_is_read_field_by_field() -> None:
    received = begun(HEAD + b"X-A:  one \r\nX-B: two\r\n\tmore\r\nX-A: three\r\nX-C : four\r\n\r\nrest")
    assert received.headers.items() == [("X-A", "one"), ("X-B", "two more"), ("X-A", "three"), ("X-C", "four")]
    assert (received.version, received.status, received.reason) == (11, 200, "OK")
    assert received.read(100) == b"rest"


pieces = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from(
            [
                HEAD,
                b"HTTP/1.0 204 No\r\n",
                b"HTTP/1.1 100 \r\n\r\n",
                b"Content-Length: 5\r\n",
                b"Transfer-Encoding: chunked\r\n",
                b"Content-Type: text/html; charset=x\r\n",
                b"\r\n",
                b"\n",
                b"5\r\nhello\r\n",
                b"0\r\n\r\n",
                b"-1\r\n",
                b"ffffffffffffffff\r\n",
            ]
        ),
    ),
    max_size=12,
)


@given(pieces)
@example([HEAD, b"Transfer-Encoding: chunked\r\n", b"\r\n", b"-1\r\n", b"hello"])
def test_whatever_arrives_is_a_response_or_an_explained_failure(arriving: list[bytes]) -> None:
    try:
        body = begun(*arriving).read(1000)
    except Exception as exc:  # noqa: BLE001 - that any exception is explained is what this is about
        found = explain(exc, "download", 10)
        assert found.reason == "protocol_error"
        assert "library" not in found.words
    else:
        assert len(body) <= 1000
