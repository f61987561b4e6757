"""A body in chunks: its framing comes off wherever it is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitemon.checks.errors import CheckError
from sitemon.checks.http.chunks import LONGEST_LINE_BYTES, Chunks

WHOLE = b"5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nX: y\r\n\r\n"


def fed(*pieces: bytes) -> tuple[bytes, bool]:
    """Return the content of these pieces, and whether it was all."""
    chunks = Chunks()
    return b"".join([chunks.feed(piece) for piece in pieces]), chunks.is_over


@given(st.lists(st.integers(0, len(WHOLE)), max_size=6).map(sorted))
def test_the_content_is_the_same_however_it_is_cut(cuts: list[int]) -> None:
    pieces = [WHOLE[start:end] for start, end in zip([0, *cuts], [*cuts, len(WHOLE)], strict=True)]
    assert fed(*pieces) == (b"hello world", True)


@pytest.mark.parametrize(
    ("data", "content"),
    [
        (WHOLE + b"and more", b"hello world"),
        (b"000\r\n\r\n", b""),
        (b"A\n0123456789\r\n0\r\n\r\n", b"0123456789"),
        (b"0\r\n" + b"a\n" * 200 + b"\r\n", b""),
    ],
)
def test_what_comes_after_the_last_chunk_is_no_content(data: bytes, content: bytes) -> None:
    assert fed(data) == (content, True)


@pytest.mark.parametrize("data", [b"", b"5", b"5\r\n", b"5\r\nhel", b"5\r\nhello\r\n", b"0\r\n", b"0\r\nX: y\r\n"])
def test_what_is_cut_off_is_not_over(data: bytes) -> None:
    assert not fed(data)[1]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"5x\r\nhello\r\n", "no valid size"),
        (b"-1\r\n", "no valid size"),
        (b"\r\n", "no valid size"),
        (b"f" * 17 + b"\r\n", "no valid size"),
        (b"5;" + b"a" * LONGEST_LINE_BYTES, "no valid size"),
        (b"5\r\nhello you\r\n", "longer than its size"),
        (b"5\r\nhello\n0\r\n\r\n", "longer than its size"),
        (b"5\r\nhello you", "longer than its size"),
        (b"0\r\n" + b"a\n" * 201, "more than 200 trailers"),
    ],
)
def test_broken_framing_is_told(data: bytes, words: str) -> None:
    with pytest.raises(CheckError, match=words):
        fed(data)
    with pytest.raises(CheckError, match=words):
        fed(*[data[at : at + 1] for at in range(len(data))])


@given(st.lists(st.binary(max_size=20) | st.sampled_from([b"5\r\n", b"hello", b"\r\n", b"0\r\n"]), max_size=10))
def test_any_bytes_are_content_or_a_failure(pieces: list[bytes]) -> None:
    try:
        content, _ = fed(*pieces)
    except CheckError:
        return
    assert len(content) <= sum(map(len, pieces))
