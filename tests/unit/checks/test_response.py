"""The reader of responses, without a socket: its words, and that no bytes whatever bring it down."""

import tracemalloc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sitemon.checks.errors import CheckError
from sitemon.checks.http.response import Response
from sitemon.checks.judge.failures import explain
from sitemon.model.site import Site

MOST_BYTES = 1000
OF_OTHER_THREADS_BYTES = 4096


def received(*pieces: bytes, method: str = "GET", follow_redirects: bool = True) -> Response:
    """Return the response of a server that sends these pieces, and closes."""
    site = Site(name="shop", url="http://shop.test/", max_body_bytes=MOST_BYTES, follow_redirects=follow_redirects)
    response = Response(method, site)
    for piece in (*filter(None, pieces), b""):
        if response.feed(piece):
            return response
    raise AssertionError("a closed connection is the end, or a failure")


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
        (b"HTTP/1.2 200 OK\r\n\r\n", "the server speaks HTTP/1.2, though asked in HTTP/1.1"),
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
        received(data)
    assert raised.value.words == words


@pytest.mark.parametrize("size", [b"", b"-1", b"+5", b"0x5", b"5 5", b"f" * 17])
def test_a_chunk_size_that_is_not_valid_is_refused(size: bytes) -> None:
    with pytest.raises(CheckError, match="a chunk of the body has no valid size"):
        received(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + size + b"\r\nhello\r\n0\r\n\r\n")


@pytest.mark.parametrize("cut", range(1, 50))
def test_a_head_is_read_field_by_field_wherever_it_is_cut(cut: int) -> None:
    data = HEAD + b"X-A:  one \r\nX-B: two\r\n\tmore\r\nX-A: three\r\nX-C : four\r\n\r\nrest"
    response = received(data[:cut], data[cut:])
    head, page = response.head, response.page()
    assert head.fields == [("X-A", "one"), ("X-B", "two more"), ("X-A", "three"), ("X-C", "four")]
    assert (head.http_version, head.status, head.phrase) == ("1.1", 200, "OK")
    assert (page.headers["x-a"], page.body) == ("one, three", (b"rest",))


@pytest.mark.parametrize(
    ("head", "method"),
    [
        (b"HTTP/1.1 204 No Content\r\n", "GET"),
        (b"HTTP/1.1 304 Not Modified\r\n", "GET"),
        (b"HTTP/1.1 302 Found\r\n", "GET"),
        (HEAD, "HEAD"),
    ],
)
@pytest.mark.parametrize("framing", [b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b""])
def test_a_response_without_body_ends_with_its_head(head: bytes, method: str, framing: bytes) -> None:
    assert b"".join(received(head + framing + b"\r\n", b"5\r\nhello", method=method).page().body) == b""


@pytest.mark.parametrize(
    "data",
    [
        HEAD + b"Content-Length: 2000\r\n\r\n" + b"a" * 1500,
        HEAD + b"\r\n" + b"a" * 1500,
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5dc\r\n" + b"a" * 1500,
    ],
)
def test_a_body_ends_at_the_cap(data: bytes) -> None:
    assert b"".join(received(data).page().body) == b"a" * MOST_BYTES


@pytest.mark.parametrize(
    "data",
    [
        HEAD + b"Content-Length: 5\r\n\r\n",
        HEAD + b"Content-Length: 5\r\n\r\nhell",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
    ],
)
def test_a_body_that_ends_early_is_told(data: bytes) -> None:
    with pytest.raises(CheckError, match="the connection closed before the end of the response's body"):
        received(data)


@pytest.mark.parametrize(
    "lines",
    [
        [b"x: " + b"a" * 310] * 195,
        [b"X-%d: %d" % (number, number) for number in range(195)],
        [b"X-Long: " + b"a" * 60_000],
    ],
)
def test_what_a_head_takes_of_memory_is_counted(lines: list[bytes]) -> None:
    data = HEAD + b"\r\n".join(lines)
    response = Response("GET", Site(name="shop", url="http://shop.test/"))
    tracemalloc.start()
    try:
        assert not response.feed(data)
        assert tracemalloc.get_traced_memory()[0] < response.held_bytes + OF_OTHER_THREADS_BYTES
        assert not response.feed(b"\r\n\r\n" + bytes(10))
        assert tracemalloc.get_traced_memory()[0] < response.held_bytes + OF_OTHER_THREADS_BYTES
    finally:
        tracemalloc.stop()


def test_what_speaks_something_else_is_told_before_its_line_ends() -> None:
    response = Response("GET", Site(name="shop", url="http://shop.test/"))
    with pytest.raises(CheckError, match="the server speaks HTTP/2 here"):
        response.feed(bytes.fromhex("00000604000000000000040010000000000807"))


def test_locations_that_contradict_each_other_are_told_also_when_nobody_goes_there() -> None:
    data = b"HTTP/1.1 302 Found\r\nLocation: /a\r\nLocation: /b\r\n\r\n"
    assert received(data).page().locations == {"/a", "/b"}
    with pytest.raises(CheckError, match="the redirect has several Locations"):
        received(data, follow_redirects=False)


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
        body = b"".join(received(*arriving).page().body)
    except Exception as exc:  # noqa: BLE001 - that any exception is explained is what this is about
        found = explain(exc, "download", 10)
        assert found.reason == "protocol_error"
        assert "library" not in found.words
    else:
        assert len(body) <= MOST_BYTES


@given(st.lists(st.sampled_from([1, 10, 1023, 1024, 5000, 70_000]), max_size=60))
@example([1] * 200_000)
def test_however_it_comes_a_body_is_whole_and_in_few_pieces(sizes: list[int]) -> None:
    """Each piece takes memory of its own, which no bound on the bytes of responses counts."""
    response = Response("GET", Site(name="shop", url="http://shop.test/", max_body_bytes=64 << 20))
    response.feed(HEAD + b"\r\n")
    body = bytes(range(256)) * (sum(sizes) // 256 + 1)
    at = 0
    for size in sizes:
        response.feed(body[at : at + size])
        at += size
    pieces = response.page().body
    assert b"".join(pieces) == body[:at]
    assert len(pieces) <= 2 + sum(size >= 1024 for size in sizes) * 2 + at // 65_536


@pytest.mark.parametrize("chunk", [b"1\r\nx\r\n", b"1;a=b\r\nx\r\n"])
def test_of_chunks_of_few_bytes_little_is_taken_at_once(chunk: bytes) -> None:
    response = Response("GET", Site(name="shop", url="http://shop.test/"))
    usual_bytes = response.piece_bytes
    response.feed(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 200)
    assert response.piece_bytes < usual_bytes
    response.feed(b"400\r\n" + bytes(1 << 10) + b"\r\n")
    assert response.piece_bytes < usual_bytes, "others may follow"


def test_of_others_as_much_as_usual_also_where_a_few_are_small() -> None:
    response = Response("GET", Site(name="shop", url="http://shop.test/"))
    usual_bytes = response.piece_bytes
    response.feed(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 50)
    assert response.piece_bytes == usual_bytes
