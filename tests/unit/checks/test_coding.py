"""Undoing compression: wherever a stream is cut into pieces, and however little it holds."""

import gzip
import io
import sys
import tracemalloc

import pytest

from sitemon.checks.errors import CheckError
from sitemon.checks.http import coding as coding_module
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


def compressed_by(coding: str, body: bytes) -> bytes:
    """Compress by br or zstd, or skip where this Python cannot."""
    if coding == "br":
        return bytes(pytest.importorskip("brotli", "1.2").compress(body))
    name = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
    return bytes(pytest.importorskip(name).compress(body))


OPTIONAL = pytest.mark.parametrize("coding", ["br", "zstd"])


@OPTIONAL
@pytest.mark.parametrize("body", [b"", b"hello", bytes(range(256)) * 4_000], ids=["nothing", "little", "much"])
def test_what_is_compressed_by_br_or_zstd_is_read(coding: str, body: bytes) -> None:
    assert decoded(compressed_by(coding, body), coding) == body
    assert decoded(gzip.compress(compressed_by(coding, body)), f"{coding}, gzip") == body
    assert decoded(compressed_by(coding, gzip.compress(body)), f"gzip, {coding}") == body


@OPTIONAL
def test_a_bomb_of_br_or_zstd_ends_at_the_cap(coding: str) -> None:
    bomb = compressed_by(coding, b"a" * (64 << 20))
    tracemalloc.start()
    try:
        assert decoded(bomb, coding, most_bytes=100_000) == b"a" * 100_000
        _, most_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most_bytes < 4 << 20


@pytest.mark.parametrize(("exponent", "is_read"), [(23, True), (24, False), (27, False)])
def test_zstd_has_the_window_that_a_content_coding_may_have(exponent: int, *, is_read: bool) -> None:
    compressed_by("zstd", b"")  # or skip
    window = bytes([(exponent - 10) << 3])  # RFC 8878, 3.1.1.1.2; behind it one raw block, the last
    frame = bytes.fromhex("28b52ffd00") + window + bytes.fromhex("090000") + b"a"
    if is_read:
        assert decoded(frame, "zstd") == b"a"
    else:
        with pytest.raises(CheckError, match="compression of the response's body is broken"):
            decoded(frame, "zstd")


@OPTIONAL
def test_br_or_zstd_that_is_cut_off_or_broken_is_told(coding: str) -> None:
    whole = compressed_by(coding, bytes(range(256)))
    with pytest.raises(CheckError, match="is cut off"):
        decoded(whole[:-5], coding)
    with pytest.raises(CheckError, match="compression of the response's body is broken"):
        decoded(b"\xff" * 100, coding)


def test_frames_of_zstd_may_follow_each_other() -> None:
    frames = compressed_by("zstd", b"in ") + compressed_by("zstd", b"") + compressed_by("zstd", b"stock")
    assert decoded(frames, "zstd") == b"in stock"


def test_empty_frames_of_zstd_have_an_end() -> None:
    with pytest.raises(CheckError, match="holds too little"):
        decoded(compressed_by("zstd", b"") * 40_000, "zstd", most_bytes=1_000)


@OPTIONAL
def test_what_is_not_installed_is_said(coding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coding_module, "DECOMPRESSORS", {})
    with pytest.raises(
        CheckError, match=rf"compressed by {coding}, which is not installed: see sitemon\[compression\]"
    ):
        decoded(b"", coding)


def test_the_least_compressible_body_is_read() -> None:
    body = bytes(range(256)) * 400
    assert decoded(gzip.compress(body, compresslevel=0), most_bytes=len(body)) == body
