"""Undoing compression: wherever a stream is cut into pieces, and however little it holds."""

import gzip
import io

import pytest

from sitemon.checks.errors import CheckError
from sitemon.checks.http.coding import read_decoded

PIECE_BYTES = 16 << 10


def decoded(body: bytes, codings: str = "gzip", most_bytes: int = 1 << 20) -> bytes:
    return read_decoded(io.BytesIO(body).read, codings, most_bytes)


@pytest.mark.parametrize("bytes_before", range(PIECE_BYTES - 3, PIECE_BYTES + 2))
def test_the_next_stream_is_found_wherever_it_begins(bytes_before: int) -> None:
    first = b""
    while len(member := gzip.compress(first, compresslevel=0)) < bytes_before:
        first += b"a" * (bytes_before - len(member))
    assert decoded(member + gzip.compress(b"in stock")) == first + b"in stock"


def test_streams_that_hold_nothing_have_an_end() -> None:
    nothing = gzip.compress(b"") * 4_000
    with pytest.raises(CheckError, match="holds too little"):
        decoded(gzip.compress(gzip.compress(nothing * 10)), "gzip, gzip, gzip", most_bytes=1_000)


def test_the_least_compressible_body_is_read() -> None:
    body = bytes(range(256)) * 400
    assert decoded(gzip.compress(body, compresslevel=0), most_bytes=len(body)) == body
